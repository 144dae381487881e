"""One attempt: request → transport → bounded head and body → `Answer`, or how far it came; `client.py` tries again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from integrations.upstream.answer import Answer
from integrations.upstream.auth import Outgoing
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.networks import AddressRefused
from integrations.upstream.received import ReceivedBody, Unreadable
from integrations.upstream.retry import Cause, Stage
from integrations.upstream.transport import UpstreamTransport
from integrations.upstream.wire import Progress

# Pieces that lie ready are read without a pause; after so many of them the others have their turn. An upstream that
# sends its body byte by byte would otherwise hold up everybody for as long as it takes to parse them.
_PIECES_AT_ONCE = 64


class AttemptFailed(Exception):
    """One attempt without a usable answer, or with one that may be asked for again (`answer`).

    Carries no request: nothing of it may reach a log.
    """

    def __init__(self, stage: Stage, cause: Cause, answer: Answer | None = None) -> None:
        self.stage, self.cause, self.answer = stage, cause, answer
        super().__init__(f"{cause} ({stage})")


class Attempt:
    """`run` it once. `number` counts the attempts of the call, from 1."""

    def __init__(self, outgoing: Outgoing, settings: UpstreamSettings, number: int) -> None:
        self._outgoing, self._settings, self._number = outgoing, settings, number
        self._progress = Progress()
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body: ReceivedBody | None = None

    async def run(self, transport: UpstreamTransport, within_s: float) -> Answer:
        """The whole answer, within so many seconds. Raises `AttemptFailed`.

        An answer to a write whose head came is never a failure: it is returned, not `complete`.
        """
        try:
            # httpx's timeouts are per read; a byte every half second would never meet one.
            async with asyncio.timeout(within_s):
                response = await transport.handle_async_request(self._request(transport.url))
                try:
                    await self._read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise self.failed("timeout") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            refused = isinstance(error.__cause__, AddressRefused)
            raise self.failed("address" if refused else "connect") from None
        except Unreadable:
            raise self.failed("unreadable") from None
        except (httpx.HTTPError, OSError):
            raise self.failed("broken") from None
        return self.answer(complete=True)

    def failed(self, cause: Cause) -> AttemptFailed:
        """How far it came, and the part of an answer that there is."""
        progress = self._progress
        if progress.tls_failed:
            return AttemptFailed("unsent", "tls")
        if self._status:
            return AttemptFailed("answered", cause, self.answer(complete=False))
        return AttemptFailed("sent" if progress.sent else "unsent", cause)

    def answer(self, *, complete: bool) -> Answer:
        body = self._body
        return Answer(
            self._status,
            self._headers,
            body.content() if body is not None else b"",
            complete,
            body is not None and body.oversized,
            self._number,
        )

    def _request(self, url: httpx.URL) -> httpx.Request:
        outgoing = self._outgoing
        parts = urlsplit(outgoing.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = [*outgoing.headers]
        if not any(name.lower() == "accept" for name, _ in headers):
            headers.append(("Accept", "application/json, */*;q=0.5"))
        headers += [("Accept-Encoding", "identity"), ("User-Agent", "steward")]
        return httpx.Request(
            outgoing.method,
            url,
            headers=headers,
            content=outgoing.body,
            extensions={
                "timeout": {"connect": self._settings.timeouts.connect_s},
                "progress": self._progress,
                # httpx would write the URL anew; what was built and approved is sent as it is.
                "target": target.encode("ascii"),
            },
        )

    async def _read(self, response: httpx.Response) -> None:
        if response.status_code < 200:
            raise Unreadable("an answer must not change the protocol")
        self._headers = {name.lower(): value for name, value in response.headers.items()}
        self._status = response.status_code
        body = ReceivedBody(self._headers.get("content-encoding", ""), self._settings.response.max_bytes)
        self._body = body
        pieces = 0
        async for piece in response.stream:  # type: ignore[union-attr]
            if not body.feed(piece):
                return
            pieces += 1
            if pieces % _PIECES_AT_ONCE == 0:
                await asyncio.sleep(0)
        body.end()
