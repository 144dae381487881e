"""The files of the chat page as they are served: a fixed list, read and compressed once. Used by `pages.py`.

Everything but the page itself has an address with the digest of all files in it, so it may be cached for ever and is
never mixed with another version. The client library has a lasting address besides, for front ends of other hosts.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INDEX = "index.html"
# Relative to `web/`. What is not named here is not served.
FILES = (
    "style.css",
    "panels.css",
    "icon.svg",
    "steward-client.js",
    "page/main.js",
    "page/api.js",
    "page/approval.js",
    "page/bubble.js",
    "page/chart.js",
    "page/composer.js",
    "page/conversation.js",
    "page/data.js",
    "page/frames.js",
    "page/icons.js",
    "page/login.js",
    "page/markdown.js",
    "page/messages.js",
    "page/session.js",
    "page/shaping.js",
    "page/typewriter.js",
    "page/words.js",
    "vendor/vue/vue.runtime.esm-browser.prod.js",
    "vendor/marked/marked.esm.js",
    "vendor/dompurify/purify.min.js",
)
# For front ends of other hosts: addresses without a digest.
LASTING = ("steward-client.js",)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, the same with gzip, and what is said of it. `etag` is quoted."""

    body: bytes
    compressed: bytes
    content_type: str
    etag: str
    cache_control: str


def load_site(folder: Path) -> Mapping[str, Asset]:
    """The assets by address, relative to the page's own ("" is the page). Raises `OSError` for a missing file."""
    contents = {name: (folder / name).read_bytes() for name in (INDEX, *FILES)}
    digest = hashlib.sha256(b"".join(name.encode() + body for name, body in contents.items())).hexdigest()[:12]
    versioned = f"web/{digest}/"
    page = contents[INDEX].replace(b'"web/', f'"{versioned}'.encode())
    site = {"": _asset(INDEX, page, _ASK_AGAIN)}
    site |= {versioned + name: _asset(name, contents[name], _FOREVER) for name in FILES}
    site |= {f"web/{name}": _asset(name, contents[name], _ASK_AGAIN) for name in LASTING}
    return site


def _asset(name: str, body: bytes, cache_control: str) -> Asset:
    return Asset(
        body=body,
        compressed=gzip.compress(body, 9, mtime=0),
        content_type=_TYPES[Path(name).suffix],
        etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        cache_control=cache_control,
    )
