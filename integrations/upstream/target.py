"""One operation of one upstream, as document and upstreams.yaml together describe it; `catalogue.py` makes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from integrations.openapi.labels import FieldLabel, response_labels
from integrations.openapi.model import Document, Tool
from integrations.upstream.config import OperationSettings, Scalar, UpstreamSettings
from integrations.upstream.dates import DateFormat
from schemas.messages import localise
from schemas.turn import Locale

# A description goes on after its first words: "查询停车记录：车牌、进出时间" is titled "查询停车记录".
_TITLE_END = re.compile(r"[：:，,。;；(（\n]")
_MAX_TITLE = 80


@dataclass(frozen=True)
class Upstream:
    """An upstream whose document loaded."""

    name: str
    settings: UpstreamSettings
    document: Document

    def title(self, locale: Locale) -> str:
        """What residents call it."""
        return localise(self.settings.title or self.document.title or self.name, locale)

    @cached_property
    def dates(self) -> DateFormat:
        return DateFormat(self.settings.dates.zone, self.settings.dates.format)


@dataclass(frozen=True)
class Target:
    """A tool and all that is known of its operation. `declared` are the bound parameters that the document declares
    for it, `undeclared` the bound headers that it does not."""

    upstream: Upstream
    tool: Tool
    settings: OperationSettings
    declared: Mapping[tuple[str, str], Scalar]
    undeclared: Mapping[tuple[str, str], Scalar]

    @cached_property
    def labels(self) -> Mapping[str, FieldLabel]:
        """What the document calls the fields of the answer."""
        return response_labels(self.tool.operation)

    @cached_property
    def told(self) -> set[str]:
        """What was already told to the operator of this operation's answers (`differs.py`): once is enough."""
        return set()

    @property
    def operation_name(self) -> str:
        """For logs: the operationId, or "METHOD /path"."""
        return self.tool.operation.operation_id or self.tool.operation.key

    @property
    def public(self) -> bool:
        """No credential is sent: the document asks for none, or the upstream takes none."""
        return self.tool.operation.public or not self.upstream.settings.needs_credential

    def title(self, locale: Locale) -> str:
        """What the operation does, for people: the start of what upstreams.yaml says, else the document's summary."""
        operation = self.tool.operation
        said = self.settings.description or operation.summary or operation.description.partition("\n")[0]
        whole = localise(said or self.settings.name or self.tool.name, locale).strip()
        return _TITLE_END.split(whole, maxsplit=1)[0].strip()[:_MAX_TITLE] or whole[:_MAX_TITLE]
