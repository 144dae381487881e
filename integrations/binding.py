"""Fills the parameters that the gateway fills (`bind`), and says where a login is needed; `toolset.py` asks here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.upstream.config import Scalar, identity_field
from integrations.upstream.failures import Failure
from integrations.upstream.identity import Identities, Known
from integrations.upstream.target import Target
from schemas.credential import Credential
from schemas.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Bound:
    """`declared` parameters by (location, wire name), and `headers` that the document does not declare.

    `subject` is who asks, as far as that is known; it is where the upstream's records name their owner.
    """

    declared: Mapping[tuple[str, str], Any]
    headers: tuple[tuple[str, str], ...]
    subject: str | None = None


class Binder:
    """Fills from the identity, or from constants."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    async def bind(self, target: Target, credential: Credential | None, deadline: Deadline) -> Bound | Failure:
        """What to fill for a caller; or login_required, or unavailable if the identity's system does not answer.

        Rules: without a credential, or with one that is known to be refused, an operation that is not public is not
        called. A public one needs a login only where a declared parameter does; an undeclared header that cannot be
        filled is left out there. Where records name their owner (`owner`), nobody unknown is answered.
        """
        owned = target.upstream.settings.owner is not None and not target.public
        wanted = owned or _needs(target.declared) or _needs(target.undeclared)
        known = Known("unknown")
        if credential is not None and wanted:
            known = await self._identities.of(credential, deadline)
        elif credential is not None:
            known = self._identities.remembered(credential) or known
        if not target.public and (credential is None or known.state == "refused"):
            return Failure("login_required")
        declared = _filled(target.declared, known)
        if declared is None or (owned and known.state != "verified"):
            return _unfillable(credential, known)
        undeclared = _filled(target.undeclared, known)
        if undeclared is None:
            if not target.tool.operation.public:
                return _unfillable(credential, known)
            constants = {place: value for place, value in target.undeclared.items() if identity_field(value) is None}
            undeclared = _filled(constants, known) or {}
        headers = tuple((name, _header(value)) for (_, name), value in undeclared.items())
        return Bound(declared, headers, known.subject or None)


def _needs(bindings: Mapping[tuple[str, str], Scalar]) -> bool:
    return any(identity_field(value) is not None for value in bindings.values())


def _filled(bindings: Mapping[tuple[str, str], Scalar], known: Known) -> dict[tuple[str, str], Any] | None:
    """The values, or None if one of them cannot be had. A value of None stays: never sent."""
    values: dict[tuple[str, str], Any] = {}
    for place, value in bindings.items():
        field = identity_field(value)
        if field is None:
            values[place] = value
            continue
        found = known.subject if field == "subject" else known.fields.get(field)
        if known.state != "verified" or found is None or found == "":
            return None
        values[place] = found
    return values


def _unfillable(credential: Credential | None, known: Known) -> Failure:
    return Failure("unavailable" if credential is not None and known.state == "unknown" else "login_required")


def _header(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
