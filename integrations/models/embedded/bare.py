"""A sentence of ids, plates, phones or e-mails alone: what it is about is told by the tool that they complete.

Called by `dialogue.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.models.embedded.extract import missing
from integrations.models.embedded.rank import Ranked
from integrations.models.embedded.spans import Spans, without


def completed(ranked: Sequence[Ranked], spans: Spans) -> Ranked | None:
    """The best reading tool that such a sentence completes; None where it says anything else."""
    if re.search(r"\w", without(spans.text, (*spans.codes, *spans.plates, *spans.phones, *spans.emails))):
        return None
    for one in ranked:
        known = {path: value.value for path, value in one.found.items() if value.strong}
        needs = any(slot.required for slot in one.tool.slots)
        if needs and known and not one.tool.write and not missing(one.tool, known):
            return one
    return None
