"""Questions to begin with, drawn from the catalogue: the `examples` of upstreams.yaml, by upstream and language."""

from __future__ import annotations

from integrations.catalogue import Catalogue
from schemas.messages import language_of
from schemas.page import Suggestions
from schemas.turn import Locale

_PER_UPSTREAM = 4


def suggestions(catalogue: Catalogue, locale: Locale) -> list[Suggestions]:
    """The first example of each tool that has one in this language, in the order of upstreams.yaml: what stands first
    there is asked most. At most four an upstream."""
    other: Locale = "en" if locale == "zh" else "zh"
    found = []
    for name, upstream in catalogue.upstreams.items():
        questions = []
        order = [id(settings) for settings in upstream.settings.operations.values()]
        known = [target for target in catalogue.tools_of(name) if id(target.settings) in order]
        for target in sorted(known, key=lambda target: order.index(id(target.settings))):
            mine = [said for said in target.settings.examples if language_of(said, other) == locale]
            questions += mine[:1]
        if questions:
            found.append(Suggestions(upstream.title(locale), questions[:_PER_UPSTREAM]))
    return found
