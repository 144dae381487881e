"""The few lines that a start prints for people: what is running, where the page is, what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.estate import estate_ports
from demo import UPSTREAMS
from schemas.settings import Settings

if TYPE_CHECKING:
    from integrations.catalogue import Catalogue

# The tutorial's own token; the embedded estate takes it for its first resident.
DEMO_TOKEN = "your-token-here"  # noqa: S105 - not a secret: it is printed in the tutorial
DEMO_USER = "user123"
DEMO_QUESTION = "查询我的物业费账单"


def pages(settings: Settings) -> str:
    """Where to go on from a first answer."""
    return (
        f"Go on in the browser: http://localhost:{settings.port}/   in the terminal: python app.py chat\n"
        f"The tools behind it: python app.py tools   Your own system: python app.py init"
    )


def banner(settings: Settings, catalogue: Catalogue) -> str:
    """The lines, without a final line break."""
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1") else settings.host  # noqa: S104
    counts = ", ".join(f"{name} {count}" for name, count in catalogue.tool_counts().items())
    model = "embedded (no key needed)" if settings.uses_embedded_model else settings.model or "the provider's"
    lines = [
        "",
        f"Steward is running. Page: http://{host}:{settings.port}/   Socket: ws://{host}:{settings.port}/ws/chat/{{user_id}}",
        f"Model: {model}. Tools: {len(catalogue.tools)} ({counts}); what was mended or left out: python app.py tools",
    ]
    if settings.runs_estate:
        ports = ", ".join(f"{name} {port}" for name, port in zip(UPSTREAMS, estate_ports(settings), strict=True))
        lines += [
            f"Embedded estate: {ports} on 127.0.0.1; its data is in {settings.data_dir}.",
            f"Try user {DEMO_USER} with token {DEMO_TOKEN}: 查询我的物业费账单 | 帮我查一下停车记录 | 我想报修",
        ]
    lines.append("Stop with Ctrl-C.")
    return "\n".join(lines)
