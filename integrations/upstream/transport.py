"""The connections of one upstream: httpx's transport interface over its engine's connections, without its pool.

httpx's own pool looks through all connections for every request, which costs milliseconds at 50 in flight
(docs/adr/0005-connections-without-a-pool.md). The bulkhead already bounds how many there are, so that a stack of idle
connections is enough. What could follow a redirect, keep a cookie or ask the environment for a proxy is absent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NoReturn
from urllib.parse import urlsplit

import httpcore
import httpx

from integrations.upstream.config import UpstreamSettings
from integrations.upstream.networks import Dialer, Lookup
from integrations.upstream.tls import proxy_tls, upstream_tls
from integrations.upstream.wire import Progress, Wire
from schemas.errors import ConfigurationError

KEEPALIVE_S = 4.0

_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}


class UpstreamTransport(httpx.AsyncBaseTransport):
    """Sends requests to `base_url`'s origin, whatever a request's own URL says but for its target.

    Extensions of a request: `target` (bytes, sent as they are), `timeout` (`{"connect": s}`), `progress` (a `Progress`
    that is filled in). Raises httpx's `TransportError`s. Raises `ConfigurationError` while it is made.
    """

    def __init__(self, settings: UpstreamSettings, lookup: Lookup | None = None) -> None:
        parts = urlsplit(settings.base_url)
        # Parsed once: httpx takes as long for a URL as for a request.
        self.url = httpx.URL(f"{parts.scheme}://{parts.netloc}/")
        scheme, host = parts.scheme.encode(), (parts.hostname or "").encode("idna")
        self._origin = httpcore.Origin(scheme, host, parts.port or (443 if scheme == b"https" else 80))
        self._tls = upstream_tls(settings)
        self._proxy = _proxy(settings)
        self._dialer = Dialer(settings.networks, lookup)
        self._layers = (scheme == b"https") * (1 + (self._proxy is not None and self._proxy.url.scheme == b"https"))
        self._idle: list[_Line] = []
        self._closed = False

    @property
    def idle(self) -> int:
        """Connections that are kept for the next request."""
        return len(self._idle)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer's head; its body is read from the stream, which must be closed."""
        line = await self._line()
        progress = request.extensions.get("progress") or Progress()
        line.wire.begin(progress)
        target = request.extensions.get("target") or request.url.raw_path
        origin = self._origin
        outgoing = httpcore.Request(
            request.method,
            httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target),
            headers=request.headers.raw,
            content=request.stream,
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
        try:
            answer = await line.connection.handle_async_request(outgoing)
        except BaseException as error:
            await line.abort()
            _raise_as_httpx(error)
        progress.answered = True
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(self, line, answer))

    async def aclose(self) -> None:
        """Closes the idle connections; those in use close when their answer ends. May be called twice."""
        self._closed = True
        while self._idle:
            await self._idle.pop().abort()

    async def _line(self) -> _Line:
        while self._idle:
            line = self._idle.pop()
            if not line.connection.has_expired():
                return line
            await line.abort()
        wire = Wire(self._dialer, self._layers)
        # httpcore's pool knows how a connection is made, through a proxy too; it is used for nothing else.
        maker = httpcore.AsyncConnectionPool(
            ssl_context=self._tls, proxy=self._proxy, keepalive_expiry=KEEPALIVE_S, network_backend=wire
        )
        return _Line(maker.create_connection(self._origin), wire)

    async def _release(self, line: _Line) -> None:
        """Keeps the connection if its answer was read whole; the longest unused ones go when they have expired."""
        if self._closed or not line.connection.is_idle():
            await line.abort()
            return
        self._idle.append(line)
        while self._idle and self._idle[0].connection.has_expired():
            await self._idle.pop(0).abort()


class _Line:
    """A connection and its wire."""

    __slots__ = ("connection", "wire")

    def __init__(self, connection: httpcore.AsyncConnectionInterface, wire: Wire) -> None:
        self.connection, self.wire = connection, wire

    async def abort(self) -> None:
        await self.wire.abort()


class _Body(httpx.AsyncByteStream):
    """The pieces of a body as they arrive; closing it gives the connection back or ends it."""

    def __init__(self, transport: UpstreamTransport, line: _Line, answer: httpcore.Response) -> None:
        self._transport, self._line, self._answer = transport, line, answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer.aiter_stream():
                yield piece
        except Exception as error:
            _raise_as_httpx(error)

    async def aclose(self) -> None:
        try:
            await self._answer.aclose()
        finally:
            await self._transport._release(self._line)


def _raise_as_httpx(error: BaseException) -> NoReturn:
    """Raises the error under httpx's name; what is none of the engine's (a cancellation) stays as it is."""
    for kind in type(error).__mro__:
        known = _ERRORS.get(kind)
        if known is not None:
            raise known(str(error)) from error
    raise error


def _proxy(settings: UpstreamSettings) -> httpcore.Proxy | None:
    if settings.proxy is None:
        return None
    try:
        proxy = httpx.Proxy(settings.proxy)
        secure = proxy.url.scheme == "https"
        if proxy.url.scheme not in ("http", "https"):
            raise ValueError(f"{proxy.url.scheme} is not supported, http and https are")
        url = httpcore.URL(
            scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
        )
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigurationError(f"the proxy of {settings.base_url} cannot be used: {error}") from None
    return httpcore.Proxy(url, auth=proxy.raw_auth, ssl_context=proxy_tls(settings) if secure else None)
