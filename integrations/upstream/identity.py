"""Who a credential is: asks the identity operation once a minute at most and remembers; `toolset.py` asks here.

Answers are kept in memory only, under a keyed digest of the token. Where upstreams.yaml names keys instead of an
operation, `jwt_keys.py` verifies the token each time, and nobody is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from integrations.upstream.calls import Calls, Order
from integrations.upstream.config import IdentitySettings
from integrations.upstream.decode import MAX_EXACT
from integrations.upstream.failures import Failure
from integrations.upstream.fields import MISSING, look_up
from integrations.upstream.jwt_keys import JwtKeys
from integrations.upstream.request import build_request
from integrations.upstream.response import Read
from integrations.upstream.target import Target
from schemas.credential import Credential
from schemas.deadline import Deadline
from schemas.errors import StewardError

_log = structlog.get_logger()

REFUSED_S = 5.0
UNREACHABLE_S = 2.0
LAST_GOOD_S = 1800.0
MAX_KEPT = 10_000
ASKING_S = 20.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a credential. `fields` are those that upstreams.yaml names (`identity.fields`)."""

    state: Literal["verified", "refused", "unknown"]
    subject: str = ""
    path_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Kept:
    known: Known
    until: float
    good: Known | None = None
    good_at: float = 0.0


class Identities:
    """The answers of the identity operation, per credential, or what verified tokens say where there are `keys`.

    Both `target` and `keys` are None where no identity is configured.
    """

    def __init__(
        self,
        settings: IdentitySettings | None,
        target: Target | None,
        calls: Calls,
        key: bytes,
        clock: Callable[[], float] = time.monotonic,
        keys: JwtKeys | None = None,
    ) -> None:
        self._settings, self._target, self._calls, self._keys = settings, target, calls, keys
        self._key, self._clock = key, clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Known]] = {}

    @property
    def target(self) -> Target | None:
        return self._target

    def owner_key(self, credential: Credential) -> str:
        """A name for the credential that does not tell it."""
        return credential.digest(self._key)

    def remembered(self, credential: Credential) -> Known | None:
        """A fresh answer without asking, or None."""
        if self._keys is not None:
            return self._verified(self._keys, credential)
        kept = self._kept.get(self.owner_key(credential))
        return kept.known if kept is not None and self._clock() < kept.until else None

    async def of(self, credential: Credential, deadline: Deadline) -> Known:
        """Who this is. At most one question per credential is under way; it outlives a caller who leaves."""
        remembered = self.remembered(credential)
        if remembered is not None:
            return remembered
        if self._target is None or self._settings is None:
            return Known("unknown")
        key = self.owner_key(credential)
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(credential, key), name="identity")
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await asyncio.shield(task)
        except TimeoutError:
            return self._last_good(self._kept.get(key)) or Known("unknown")

    def forget(self, credential: Credential) -> None:
        """Ask again next time: an upstream just refused this token."""
        kept = self._kept.get(self.owner_key(credential))
        if kept is not None:
            kept.until = 0.0

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, credential: Credential, key: str) -> Known:
        target = self._target
        if target is None or self._settings is None:
            return Known("unknown")
        constants = {place: value for place, value in target.declared.items() if value is not None}
        read: Read | Failure
        try:
            built = build_request(target.tool, {}, base_url=target.upstream.settings.base_url, bound=constants)
            read = await self._calls.read(Order(target, built, {}), credential, Deadline.after(ASKING_S))
        except StewardError as error:
            # An identity operation that cannot even be built is found at start-up; here it must not end a turn.
            _log.error("identity_unusable", operation=target.operation_name, reason=str(error))
            read = Failure("unavailable")
        return self._keep(key, self._understood(read))

    def _verified(self, keys: JwtKeys, credential: Credential) -> Known:
        """What the token itself says. One that is not verified, or names nobody, is refused: a login is needed."""
        claims = keys.claims(credential.reveal())
        known = self._said(claims) if claims is not None else Known("refused")
        return known if known.state == "verified" else Known("refused")

    def _understood(self, read: Read | Failure) -> Known:
        if isinstance(read, Failure):
            return Known("refused" if read.code == "login_required" else "unknown")
        return self._said(read.opened.payload)

    def _said(self, payload: Any) -> Known:
        """Subject and fields of an answer, or of a token's claims; unknown without a subject."""
        settings = self._settings
        if settings is None:
            return Known("unknown")
        subject = _scalar(look_up(payload, settings.subject))
        if subject is None:
            return Known("unknown")
        path_id = _scalar(look_up(payload, settings.match_path)) if settings.match_path else None
        found = {name: look_up(payload, path) for name, path in settings.fields.items()}
        fields = {name: _exact(value) for name, value in found.items() if value is not MISSING and value is not None}
        return Known("verified", subject, path_id, fields)

    def _keep(self, key: str, known: Known) -> Known:
        now = self._clock()
        before = self._kept.pop(key, None)
        if known.state == "verified" and self._settings is not None:
            self._kept[key] = _Kept(known, now + self._settings.cache_s, known, now)
        elif known.state == "refused":
            self._kept[key] = _Kept(known, now + REFUSED_S)
        else:
            known = self._last_good(before) or known
            good, good_at = (before.good, before.good_at) if before is not None else (None, 0.0)
            self._kept[key] = _Kept(known, now + UNREACHABLE_S, good, good_at)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return known

    def _last_good(self, kept: _Kept | None) -> Known | None:
        if kept is None or kept.good is None or self._clock() - kept.good_at > LAST_GOOD_S:
            return None
        return kept.good


def _scalar(value: Any) -> str | None:
    """An id as text; None for what is no id."""
    if value is MISSING or isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value)


def _exact(value: Any) -> Any:
    return str(value) if isinstance(value, int) and abs(value) > MAX_EXACT else value
