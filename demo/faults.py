"""Which faults stand: asked for through `controls.py`, taken by `core.py`, carried out by `breakage.py`."""

from dataclasses import dataclass

PLAIN = frozenset(
    {
        "expired-token",
        "http-500-text",
        "login-302",
        "html-502",
        "gbk",
        "bom",
        "empty",
        "drop-before",
        "drop-after-commit",
        "drip",
        "endless",
        "big-page",
        "gzip-bomb",
        "malformed-json",
        "unknown-code",
        "503",
        "down",
    }
)
WITH_NUMBER = {"slow": "SECONDS", "drop-at": "BYTE", "429": "SECONDS"}
NAMES = sorted([*PLAIN, *(f"{kind}:{unit}" for kind, unit in WITH_NUMBER.items())])


class FaultError(ValueError):
    """What was asked for is no fault; the message says what is."""


@dataclass
class Fault:
    """One fault of one upstream, for one operation (an operationId or "METHOD path") or for all of them."""

    upstream: str
    operation: str | None
    kind: str
    number: float  # seconds or a byte's position; 0 where the kind has none
    left: int | None  # how many requests it will still hit; None: until it is removed


class Faults:
    """The faults that stand. The oldest one that fits a request hits it, one fault per request."""

    def __init__(self, upstreams: tuple[str, ...]) -> None:
        self._upstreams = upstreams
        self._standing: list[Fault] = []

    def add(self, upstream: object, operation: object, fault: object, times: object) -> None:
        """Lets a fault stand.

        Raises:
            FaultError: an unknown upstream or fault, or `times` that is no positive whole number and not null."""
        if upstream not in self._upstreams or not isinstance(upstream, str):
            raise FaultError(f"upstream must be one of {', '.join(self._upstreams)}")
        if operation is not None and not isinstance(operation, str):
            raise FaultError('operation must be an operationId, "METHOD path" or null')
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
            raise FaultError("times must be a positive whole number, or null for: until removed")
        kind, number = parse(fault)
        self._standing.append(Fault(upstream, operation, kind, number, times))

    def take(self, upstream: str, *operations: str) -> Fault | None:
        """The fault that hits this request, counted; `operations` are the names under which it may be meant."""
        for fault in self._standing:
            if fault.upstream != upstream or (fault.operation is not None and fault.operation not in operations):
                continue
            if fault.left is not None:
                fault.left -= 1
                if fault.left == 0:
                    self._standing.remove(fault)
            return fault
        return None

    def clear(self) -> None:
        """Removes all faults."""
        self._standing.clear()


def parse(fault: object) -> tuple[str, float]:
    """`"slow:2.5"` → `("slow", 2.5)`, `"gbk"` → `("gbk", 0)`.

    Raises:
        FaultError: no fault of that name, or a number that is missing, negative or infinite."""
    if isinstance(fault, str):
        kind, colon, number = fault.partition(":")
        if kind in PLAIN and not colon:
            return kind, 0.0
        if kind in WITH_NUMBER:
            return kind, _number(kind, number)
    raise FaultError(f"fault must be one of {', '.join(NAMES)}")


def _number(kind: str, text: str) -> float:
    try:
        # A byte's position and Retry-After are whole numbers; a wait need not be.
        number = float(text) if kind == "slow" else int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1e9:
        raise FaultError(f"{kind} needs a number: {kind}:{WITH_NUMBER[kind]}")
    return float(number)
