"""The HTTP side of one provider: a body goes out, its response comes back once the headers are there.

The SDK's client says what is sent with it (key, user agent) and its aiohttp transport sends it. The request itself is
made here: the SDK's own way from a body to the wire costs three times the CPU (docs/adr/0010).
Next: `answer_stream.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import openai

from integrations.models.failure import ModelFailure, from_status

_MAX_ERROR_BYTES = 1 << 20  # of a refusal's body; what it says is cut to a sentence anyway


class Response:
    """A response that began with a status below 300: its body in pieces, as they arrive."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes. Raises whatever the transport does where the connection breaks."""
        # compressed only by a provider that was asked not to
        compressed = "content-encoding" in self._response.headers
        return self._response.aiter_bytes() if compressed else aiter(self._response.stream)  # type: ignore[arg-type]

    async def close(self) -> None:
        """Give the connection back where the body was read to its end, else drop it."""
        await self._response.aclose()


class Provider:
    """`base_url` has no slash at its end. `connect_timeout_s`: from the name's address to the last handshake.

    `scrub` takes the key out of what a failure says.
    """

    def __init__(self, api_key: str, base_url: str, connect_timeout_s: float, scrub: Callable[[str], str]) -> None:
        self._scrub = scrub
        self._url = httpx2.URL(base_url + "/chat/completions")
        # In this transport `pool` is all of getting a connection: a free place, the name's address, the handshakes.
        timeout = httpx2.Timeout(connect=connect_timeout_s, read=None, write=10.0, pool=connect_timeout_s)
        self._http = openai.DefaultAioHttpClient(
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=1000, keepalive_expiry=30.0),
            timeout=timeout,
        )
        client = openai.AsyncOpenAI(
            api_key=api_key or "none",  # local servers want none, the SDK wants one
            admin_api_key="",  # given, so that the SDK does not look into the environment; the same below
            base_url=base_url,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},  # events that are compressed come late, or as a bomb
            http_client=self._http,
        )
        client.organization = None
        client.project = None
        told: dict[str, Any] = {**client.default_headers, **client.auth_headers}
        self._headers = httpx2.Headers({name: value for name, value in told.items() if isinstance(value, str)})
        self._extensions = {"timeout": timeout.as_dict()}

    async def send(self, body: bytes, timeout_s: float) -> Response:
        """The response to a chat-completions request, whose headers must be there after `timeout_s`. Raises
        `ModelFailure`."""
        request = httpx2.Request(
            "POST", self._url, headers=self._headers, content=body, extensions=dict(self._extensions)
        )
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                response = await self._http.send(request, stream=True)
                if response.status_code < 300:
                    return Response(response)
                failure = from_status(response.status_code, await _beginning(response), response.headers, self._scrub)
        except TimeoutError:
            failure = ModelFailure(f"no answer from {self._url.host} in time", retry=True)
        except Exception as error:  # whatever the transport raises, there is no connection
            failure = ModelFailure(self._scrub(f"no connection: {type(error).__name__}: {error}"), retry=True)
        # outside of the handler: the transport's exception, which holds the request, must not be this one's context
        raise failure

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


async def _beginning(response: httpx2.Response) -> bytes:
    """The body of a refusal, or as much of it as a reason needs."""
    read = bytearray()
    try:
        async for piece in response.aiter_bytes():
            read += piece
            if len(read) > _MAX_ERROR_BYTES:
                break
    finally:
        await response.aclose()
    return bytes(read)
