"""ULIDs (time in the first 48 bits, randomness in the other 80, Crockford's base 32) for repairs and photos."""

from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(moment: datetime, randomness: int) -> str:
    """26 characters that sort by `moment`; `randomness` (its lowest 80 bits) comes from the caller."""
    number = (int(moment.timestamp() * 1000) << 80) | (randomness & ((1 << 80) - 1))
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
