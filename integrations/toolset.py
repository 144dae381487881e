"""The toolset of one caller: catalogue + credential. `prepare` checks and builds a call, `call` sends it.

Next: `binding.py` fills what the gateway fills, `upstream/request.py` builds, `upstream/calls.py` sends.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from integrations.approval_text import MAX_CHARS, MAX_LINES, ApprovalText, too_much
from integrations.attachments import Uploads, files_of
from integrations.binding import Binder
from integrations.catalogue import Catalogue
from integrations.openapi.validate import Validator
from integrations.paging import paged
from integrations.reconcile import Reconciler
from integrations.toolsearch import Indexed, ToolIndex
from integrations.toolwords import tool_group, tool_shown, tool_terms
from integrations.upstream.calls import Calls, Order
from integrations.upstream.client import UpstreamClient, UpstreamStatus
from integrations.upstream.config import identity_field
from integrations.upstream.declared import upload_ids, with_files
from integrations.upstream.failures import Failure
from integrations.upstream.identity import Identities, Known
from integrations.upstream.request import BuiltRequest, build_request
from integrations.upstream.response import failure_result
from integrations.upstream.scrub import Scrubber
from integrations.upstream.target import Target
from schemas.credential import Credential
from schemas.deadline import Deadline
from schemas.errors import ArgumentsInvalid, RequestRefused, StoreUnavailable
from schemas.messages import text
from schemas.observer import Observer
from schemas.tool import Caller, Identity, PreparedCall, ToolCall, ToolResult, ToolSpec
from schemas.tracing import Tracer
from schemas.turn import Locale

MAX_ARGUMENT_BYTES = 64 * 1024
_NOBODY = Caller("anonymous", None)


@dataclass(frozen=True, slots=True)
class _Request:
    """What `PreparedCall.request` holds: opaque to the agent, without a credential."""

    target: Target
    built: BuiltRequest
    arguments: Mapping[str, Any]
    subject: str | None


@dataclass(frozen=True, slots=True)
class _Outside:
    """What all toolsets of a catalogue share."""

    catalogue: Catalogue
    specs: tuple[ToolSpec, ...]
    index: ToolIndex
    validator: Validator
    calls: Calls
    identities: Identities
    binder: Binder
    reconciler: Reconciler
    uploads: Uploads | None
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    observer: Observer


class CatalogueToolset:
    """Implements the agent's `Toolset`. Holds the credential; nothing of it is in what the agent gets."""

    def __init__(self, outside: _Outside, credential: Credential | None) -> None:
        self._outside, self._credential = outside, credential

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CatalogueToolset) and self._credential == other._credential

    def __hash__(self) -> int:
        return hash(self._credential)

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool of the catalogue, in the order of upstreams.yaml and the documents."""
        return self._outside.specs

    def find(self, words: Sequence[str], limit: int) -> Sequence[ToolSpec]:
        """The tools that `words` (the latest first) need, best first; none where no tool has any of them."""
        return [self._outside.specs[place] for place in self._outside.index.find(words, limit)]

    def overview(self, limit: int) -> Sequence[ToolSpec]:
        """Tools that show what the catalogue is about: one of each group, the largest groups first."""
        return [self._outside.specs[place] for place in self._outside.index.overview[:limit]]

    async def caller(self, deadline: Deadline) -> Caller:
        """Who this is. Never raises for an upstream that is down."""
        if self._credential is None:
            return Caller("anonymous", None)
        known = await self._outside.identities.of(self._credential, deadline)
        digest = self._outside.identities.owner_key(self._credential)
        if known.state == "verified":
            return Caller("verified", known.subject, self._identity(known), digest)
        if known.state == "refused":
            return Caller("refused", None, provisional=digest)
        return Caller("unknown", digest, provisional=digest)

    async def prepare(self, call: ToolCall, locale: Locale, deadline: Deadline) -> PreparedCall | ToolResult:
        """The checked and built call, or the refusal as the tool's result. Sends nothing but the identity operation."""
        outcome = await self._prepared(call, locale, deadline)
        if isinstance(outcome, ToolResult):
            target = self._outside.catalogue.tools.get(call.name)
            upstream = target.upstream.name if target is not None else ""
            self._outside.observer.tool_called(upstream, outcome.error or "ok", None)
        return outcome

    async def _prepared(self, call: ToolCall, locale: Locale, deadline: Deadline) -> PreparedCall | ToolResult:
        target = self._outside.catalogue.tools.get(call.name)
        if target is None:
            return ToolResult.failure("unknown_tool", text("tool.unknown", locale, name=call.name[:100]))
        if len(call.arguments) > MAX_ARGUMENT_BYTES:
            return ToolResult.failure("invalid_arguments", f"the arguments exceed {MAX_ARGUMENT_BYTES} bytes")
        # first the login: nobody is asked for arguments of what he may not do anyway
        bound = await self._outside.binder.bind(target, self._credential, deadline)
        if isinstance(bound, Failure):
            return self._refusal(bound, target, locale)
        try:
            arguments = self._outside.validator.check(target.tool, call.arguments)
        except ArgumentsInvalid as error:
            return ToolResult.failure("invalid_arguments", str(error), argument=error.argument)
        own = _own_member(arguments, target)
        if own is not None:
            return ToolResult.failure("invalid_arguments", f"`{own}` is filled by the gateway; leave it out.")
        sent = target.upstream.dates.write(paged(arguments, target))
        ids = upload_ids(target.tool, arguments)
        caller = await self.caller(deadline) if ids or target.tool.effect == "write" else _NOBODY
        try:
            files = await files_of(ids, self._outside.uploads, caller, locale)
            built = build_request(
                target.tool,
                with_files(sent, files),
                base_url=target.upstream.settings.base_url,
                bound=bound.declared,
                headers=bound.headers,
            )
        except (ArgumentsInvalid, RequestRefused) as error:
            return ToolResult.failure("invalid_arguments", str(error))
        except StoreUnavailable:
            return ToolResult.failure("unavailable", text("frame.store", locale))
        shown = with_files(arguments, files)
        words = ApprovalText(target, locale, caller.identity.facts if caller.identity else None)
        lines = words.lines(shown)
        if target.tool.effect == "write" and too_much(lines):
            reason = f"more than a resident can check at once ({MAX_LINES} values, {MAX_CHARS} characters); send less"
            return ToolResult.failure("invalid_arguments", reason)
        return PreparedCall(
            call=call,
            effect=target.tool.effect,
            title=target.title(locale),
            upstream=target.upstream.title(locale),
            summary=words.summary(shown),
            arguments=lines,
            digest=built.digest(),
            request=_Request(target, built, sent, bound.subject),
        )

    async def call(
        self, prepared: PreparedCall, locale: Locale, deadline: Deadline, idempotency_key: str | None = None
    ) -> ToolResult:
        """Send what was prepared. Every failure is a result, with a sentence that names the system."""
        request = prepared.request
        if not isinstance(request, _Request):
            raise TypeError("a prepared call of another toolset")
        built, idempotency = request.built, request.target.settings.idempotency
        if idempotency is not None:
            key = idempotency_key or self._outside.new_id()
            others = tuple(pair for pair in built.headers if pair[0].lower() != idempotency.header.lower())
            built = replace(built, headers=(*others, (idempotency.header, key)))
        target, arguments = request.target, request.arguments
        order = Order(target, built, arguments, keyed=idempotency is not None, subject=request.subject)
        sent = self._outside.now()
        result = await self._outside.calls.result(order, self._credential, locale, deadline)
        if result.error == "unknown_outcome":
            looked = await self._outside.reconciler.look_up(target, arguments, self._credential, locale, deadline, sent)
            result = looked or result
        if result.error == "login_required" and self._credential is not None:
            self._outside.identities.forget(self._credential)
        return result

    async def look_up(self, prepared: PreparedCall, locale: Locale, deadline: Deadline, sent: datetime) -> ToolResult:
        """What a declared read says of a write that was sent earlier, not before `sent`. Sends reads only."""
        request = prepared.request
        if not isinstance(request, _Request):
            raise TypeError("a prepared call of another toolset")
        looked = await self._outside.reconciler.look_up(
            request.target, request.arguments, self._credential, locale, deadline, sent
        )
        unknown = text("tool.unknown_outcome", locale, upstream=prepared.upstream)
        return looked or ToolResult.failure("unknown_outcome", unknown)

    def _identity(self, known: Known) -> Identity:
        """The identity as a model may know it: without fields that fill a bound parameter."""
        bound = {
            identity_field(value)
            for upstream in self._outside.catalogue.upstreams.values()
            for value in upstream.settings.bind.values()
        }
        facts = {name: value for name, value in known.fields.items() if name not in bound}
        facts = Scrubber(self._credential).value(facts)  # they go into the prompt: an upstream may echo the token
        return Identity(known.subject, known.path_id, facts)

    def _refusal(self, failure: Failure, target: Target, locale: Locale) -> ToolResult:
        identity = self._outside.identities.target
        if failure.code == "unavailable" and identity is not None:
            # It is the identity's system that does not answer, not the one that was asked for.
            return failure_result(identity, locale, failure)
        return failure_result(target, locale, failure)


class CatalogueToolsets:
    """Implements the agent's `Toolsets`: one client per upstream, shared by all callers.

    `process_key` names tokens in caches and owners without telling them; it lives as long as the process. `uniform`,
    `sleep`, `clock` (monotonic seconds), `now` (the wall clock, with zone) and `new_id` are given so that tests need
    not wait. `uploads`: where the files are that arguments name; without it there are none.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        uploads: Uploads | None = None,
        process_key: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observer: Observer | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        observer = observer or Observer()
        self._clients = {
            name: UpstreamClient(upstream.settings, name=name, uniform=uniform, sleep=sleep, clock=clock)
            for name, upstream in catalogue.upstreams.items()
        }
        calls = Calls(self._clients, clock, observer, tracer)
        key = process_key or secrets.token_bytes(32)
        identities = Identities(
            catalogue.identity_settings, catalogue.identity, calls, key, clock, catalogue.identity_keys
        )
        binder = Binder(identities)
        reconciler = Reconciler(catalogue.reconciles, binder, calls)
        specs = tuple(
            ToolSpec(tool.name, tool.description, tool.parameters, tool.effect, target.public)
            for target in catalogue.tools.values()
            for tool in (target.tool,)
        )
        index = ToolIndex(
            [
                Indexed(spec.name, tool_terms(target, spec), tool_group(target), tool_shown(target, spec))
                for target, spec in zip(catalogue.tools.values(), specs, strict=True)
            ]
        )
        self._outside = _Outside(
            catalogue, specs, index, Validator(), calls, identities, binder, reconciler, uploads, new_id, now, observer
        )

    def for_token(self, token: str | None) -> CatalogueToolset:
        """Raises `ValueError` with a sentence for a token that cannot be one (too long, control characters)."""
        return CatalogueToolset(self._outside, Credential(token) if token else None)

    @property
    def status(self) -> Mapping[str, UpstreamStatus]:
        """Breaker, bulkhead and connections of each upstream, by name."""
        return {name: client.status for name, client in self._clients.items()}

    async def close(self) -> None:
        """Ends what is under way and closes every connection."""
        await self._outside.identities.close()
        await asyncio.gather(*(client.close() for client in self._clients.values()))


def request_line(prepared: PreparedCall) -> str:
    """Method and URL of what was prepared, for an engineer's eyes; there is no credential in it yet."""
    request = prepared.request
    if not isinstance(request, _Request):
        raise TypeError("a prepared call of another toolset")
    return f"{request.built.method} {request.built.url}"


def _own_member(arguments: Mapping[str, Any], target: Target) -> str | None:
    """A bound or hidden name inside a body that is one argument; from flat arguments the schema has left it out."""
    settings = target.upstream.settings
    own = {name for location, name in settings.bindings() if location == "body"} | set(settings.hide)
    for name, place in target.tool.arguments.items():
        if place.pointer == "" and place.location == "body":
            value = arguments.get(name)
            for part in value if isinstance(value, list) else [value]:
                found = own & part.keys() if isinstance(part, Mapping) else set()
                if found:
                    return min(found)
    return None
