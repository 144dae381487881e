"""Sends one request to one upstream, with retries inside a deadline; `response.py` reads the answer.

httpx's transport is used without its client: nothing here follows redirects, keeps cookies, asks the environment for
proxies or logs a URL, because the parts that would do so are absent.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from integrations.upstream.auth import Outgoing
from integrations.upstream.config import UpstreamSettings
from integrations.upstream.retry import (
    MIN_ATTEMPT_S,
    Cause,
    Repeatability,
    RetryBudget,
    Stage,
    backoff_s,
    retry_after_s,
)
from schemas.deadline import Deadline
from schemas.errors import ConfigurationError, StewardError
from schemas.tool import ToolErrorCode

_KEEPALIVE_S = 4.0
_THROTTLED = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have lower-case names. `complete` is False where the body broke off, `oversized` True
    where it was longer than the cap and reading stopped (`body` then holds what was read)."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    complete: bool = True
    oversized: bool = False
    attempts: int = 1


class CallFailed(StewardError):
    """No answer. `code` is unavailable, timeout, upstream_tls, bad_upstream_response or unknown_outcome."""

    def __init__(self, code: ToolErrorCode, attempts: int) -> None:
        self.code, self.attempts = code, attempts
        super().__init__(code)


class _Failed(Exception):
    """One attempt that is not the end. Carries no request: nothing of it may reach a log."""

    def __init__(self, stage: Stage, cause: Cause, answer: Answer | None = None) -> None:
        self.stage, self.cause, self.answer = stage, cause, answer
        super().__init__(f"{cause} ({stage})")


class UpstreamClient:
    """The connections to one upstream. `uniform` and `sleep` are given so that tests need not wait."""

    def __init__(
        self,
        settings: UpstreamSettings,
        *,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings, self._uniform, self._sleep = settings, uniform, sleep
        self._budget = RetryBudget()
        self._slots = asyncio.Semaphore(settings.concurrency.in_flight)
        self._waiting = 0
        limit = settings.concurrency.in_flight
        self._transport = httpx.AsyncHTTPTransport(
            verify=_tls(settings),
            trust_env=False,
            proxy=settings.proxy,
            limits=httpx.Limits(max_connections=limit, max_keepalive_connections=limit, keepalive_expiry=_KEEPALIVE_S),
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._transport.aclose()

    async def send(
        self, outgoing: Outgoing, repeat: Repeatability, deadline: Deadline, *, keep: Callable[[Answer], bool]
    ) -> Answer:
        """The answer to the request, after as many attempts as `repeat`, the budget and the deadline allow.

        `keep` says that an answer is not to be asked for again whatever its status (a business message with HTTP 500).
        Raises `CallFailed`. A write whose outcome is unknown is never sent a second time.
        """
        self._budget.earn()
        attempts = 0

        async def attempt() -> Answer:
            nonlocal attempts
            attempts += 1
            answer = await self._attempt(outgoing, repeat, deadline, attempts)
            if repeat.after_status(answer.status) and not keep(answer):
                raise _Failed("answered", "status", answer)
            return answer

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _may_repeat(error, repeat)),
            wait=self._wait_s,
            stop=lambda state: self._enough(state, deadline),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except _Failed as failed:
            if failed.answer is not None:
                return failed.answer
            raise CallFailed(_code(failed, repeat), attempts) from None

    def _wait_s(self, state: RetryCallState) -> float:
        failed = _failure(state)
        answer = failed.answer
        throttled = answer is not None and answer.status in _THROTTLED
        wait = backoff_s(state.attempt_number, throttled, self._uniform)
        floor = retry_after_s(answer.headers.get("retry-after")) if answer is not None else None
        return max(wait, floor or 0.0)

    def _enough(self, state: RetryCallState, deadline: Deadline) -> bool:
        if state.attempt_number >= self._settings.retry.attempts:
            return True
        if deadline.remaining_s() - state.upcoming_sleep < MIN_ATTEMPT_S:
            return True
        return not self._budget.spend()

    async def _attempt(self, outgoing: Outgoing, repeat: Repeatability, deadline: Deadline, number: int) -> Answer:
        left_s = min(self._settings.timeouts.attempt_s, deadline.remaining_s())
        if deadline.remaining_s() < MIN_ATTEMPT_S:
            raise _Failed("unsent", "timeout")
        trip = _Trip()
        try:
            # httpx's timeouts are per read; a byte every half second would never meet one.
            async with asyncio.timeout(left_s), _Slot(self):
                request = self._request(outgoing, trip)
                response = await self._transport.handle_async_request(request)
                try:
                    trip.answered(response)
                    await self._read(response, trip)
                finally:
                    await response.aclose()
        except TimeoutError:
            failure = trip.failure("timeout")
        except (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ConnectError):
            failure = _Failed("unsent", "tls" if trip.tls_failed else "connect")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError, OSError):
            failure = _Failed("unsent", "tls") if trip.tls_failed else trip.failure("broken")
        else:
            return trip.answer(number, complete=True)
        if failure.stage == "answered" and repeat.effect == "write":
            return trip.answer(number, complete=False)
        raise failure

    def _request(self, outgoing: Outgoing, trip: _Trip) -> httpx.Request:
        parts = urlsplit(outgoing.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        names = {name.lower() for name, _ in outgoing.headers}
        headers = [*outgoing.headers]
        if "accept" not in names:
            headers.append(("Accept", "application/json, */*;q=0.5"))
        headers += [("Accept-Encoding", "identity"), ("User-Agent", "steward")]
        connect_s = self._settings.timeouts.connect_s
        return httpx.Request(
            outgoing.method,
            f"{parts.scheme}://{parts.netloc}/",
            headers=headers,
            content=outgoing.body,
            extensions={
                "timeout": {"connect": connect_s, "pool": connect_s, "read": None, "write": None},
                "trace": trip.trace,
                # httpx would write the URL anew; what was built and approved is sent as it is.
                "target": target.encode("ascii"),
            },
        )

    async def _read(self, response: httpx.Response, trip: _Trip) -> None:
        limit = self._settings.response.max_bytes
        async for piece in response.aiter_raw():
            trip.body += piece
            if len(trip.body) > limit:
                trip.oversized = True
                del trip.body[limit:]
                return
        trip.unpack(limit)


class _Slot:
    """The bulkhead: so many in flight, so many waiting, the next one is refused at once."""

    def __init__(self, client: UpstreamClient) -> None:
        self._client = client

    async def __aenter__(self) -> None:
        client = self._client
        if client._slots.locked():
            if client._waiting >= client._settings.concurrency.waiting:
                raise _Failed("unsent", "busy")
            client._waiting += 1
            try:
                await client._slots.acquire()
            finally:
                client._waiting -= 1
        else:
            await client._slots.acquire()

    async def __aexit__(self, *error: object) -> None:
        self._client._slots.release()


class _Trip:
    """How far one attempt came."""

    def __init__(self) -> None:
        self.stage: Stage = "unsent"
        self.tls_failed = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.oversized = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore tells each step; a request is unsent until its first header is about to be written."""
        if event.endswith("start_tls.failed"):
            self.tls_failed = True
        elif event.endswith("send_request_headers.started"):
            self.stage = "sent"

    def answered(self, response: httpx.Response) -> None:
        self.stage = "answered"
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    def unpack(self, limit: int) -> None:
        """gzip and deflate although `identity` was asked for: unpacked once, never beyond the cap."""
        packing = self.headers.get("content-encoding", "").strip().lower()
        if packing in ("", "identity"):
            return
        if packing not in ("gzip", "x-gzip", "deflate"):
            raise httpx.DecodingError("an encoding that was not asked for")
        unpacker = zlib.decompressobj(47)
        try:
            plain = unpacker.decompress(bytes(self.body), limit + 1)
        except zlib.error as error:
            raise httpx.DecodingError("not what its encoding says") from error
        self.oversized = len(plain) > limit
        self.body = bytearray(plain[:limit])

    def failure(self, cause: Cause) -> _Failed:
        return _Failed(self.stage, cause)

    def answer(self, attempts: int, *, complete: bool) -> Answer:
        return Answer(self.status, self.headers, bytes(self.body), complete, self.oversized, attempts)


def _failure(state: RetryCallState) -> _Failed:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, _Failed):
        raise TypeError("only failed attempts are tried again")
    return error


def _may_repeat(error: BaseException, repeat: Repeatability) -> bool:
    if not isinstance(error, _Failed):
        return False
    # A full bulkhead answers at once: waiting for it again would only make it fuller.
    if error.cause == "busy":
        return False
    return error.cause == "status" or repeat.after_failure(error.stage, error.cause)


def _code(failed: _Failed, repeat: Repeatability) -> ToolErrorCode:
    if failed.cause == "tls":
        return "upstream_tls"
    if repeat.effect == "write" and failed.stage != "unsent":
        return "unknown_outcome"
    if failed.cause == "timeout":
        return "timeout"
    return "bad_upstream_response" if failed.stage == "answered" else "unavailable"


def _tls(settings: UpstreamSettings) -> ssl.SSLContext:
    if settings.base_url.startswith("http:"):
        # Never used; it knows no authority, so that it could only fail. Reading the system's takes 25 ms an upstream.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context = ssl.create_default_context(cafile=settings.tls.ca_file)
        if settings.tls.client_cert is not None:
            context.load_cert_chain(settings.tls.client_cert, settings.tls.client_key)
    except OSError as error:
        raise ConfigurationError(f"the tls files of {settings.base_url} cannot be used: {error}") from None
    return context
