"""Whether a record was made by a write that was just sent, or stood there before: by the record's own time.

`reconcile.py` asks: an older record that looks the same must not be told as the outcome of a new write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from integrations.upstream.dates import DateFormat
from integrations.upstream.fields import MISSING, look_up

# How such a field is called where upstreams.yaml names none; case and underscores do not matter.
_NAMES = re.compile(
    r"(?:gmt)?creat(?:ed?|ion)(?:at|on|time|date)?|(?:submit|report|apply|add|insert|pay|paid|order)(?:ted|ed)?(?:at|time)"
)
# Times are often cut to the second; two clocks are seldom further apart than two minutes.
_CUT = timedelta(seconds=2)
_APART = timedelta(minutes=2)

Age = Literal["new", "older", "unclear"]


def age(record: Mapping[str, Any], field: str | None, sent: datetime, dates: DateFormat, zone: str) -> Age:
    """`sent`: when the write was, with zone. `field` of the record says when it was made (dotted; None: one that is
    named so). Without a time that can be read, and within what clocks differ, it is unclear."""
    made = next(_times(record, field, dates, ZoneInfo(zone)), None)
    if made is None:
        return "unclear"
    if made >= sent - _CUT:
        return "new"
    return "older" if made < sent - _APART else "unclear"


def _times(record: Mapping[str, Any], field: str | None, dates: DateFormat, zone: ZoneInfo) -> Iterator[datetime]:
    if field is not None:
        values = [look_up(record, field)]
    else:
        values = [value for name, value in record.items() if _NAMES.fullmatch(str(name).replace("_", "").lower())]
    for value in values:
        made = _moment(value, dates, zone)
        if made is not None:
            yield made


def _moment(value: Any, dates: DateFormat, zone: ZoneInfo) -> datetime | None:
    """A date with its time; seconds or milliseconds since 1970, which their size tells apart."""
    if value is MISSING or isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | Decimal) or (isinstance(value, str) and value.isascii() and value.isdigit()):
            number = float(value)
            return datetime.fromtimestamp(number / (1000 if number >= 1e11 else 1), UTC) if number >= 1e9 else None
        if isinstance(value, str) and len(value) > len("2025-01-01"):
            moment = datetime.fromisoformat(dates.read(value, declared=True) or value)
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    except (ValueError, OverflowError, OSError):
        return None
    return None
