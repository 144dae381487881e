"""The catalogue as residents and their clients are shown it: what the assistant can do, system by system.

`assembly.py` hands it to `blueprints/api.py`.
"""

from __future__ import annotations

from integrations.catalogue import Catalogue
from integrations.upstream.target import Target
from schemas.api import CatalogueTool, CatalogueUpstream
from schemas.messages import localise
from schemas.turn import Locale


def overview(catalogue: Catalogue, locale: Locale) -> list[CatalogueUpstream]:
    """Every upstream with its tools, in the order of upstreams.yaml and the documents."""
    return [
        CatalogueUpstream(
            name=name,
            title=upstream.title(locale),
            tools=[_tool(target, locale) for target in catalogue.tools_of(name)],
        )
        for name, upstream in catalogue.upstreams.items()
    ]


def _tool(target: Target, locale: Locale) -> CatalogueTool:
    operation = target.tool.operation
    said = target.settings.description or operation.description or operation.summary
    return CatalogueTool(
        name=target.tool.name,
        title=target.title(locale),
        description=localise(said, locale).strip(),
        effect=target.tool.effect,
        public=target.public,
        examples=[example.strip() for example in target.settings.examples],
    )
