"""Rules of the estate that hold for all values: the parking tariff, ULIDs, amounts in yuan."""

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from demo.bill_answers import yuan
from demo.clock import SHANGHAI
from demo.tariff import DAY_CENTS, DAY_MINUTES, duration_text, parking_fee_cents
from demo.ulid import ALPHABET, ulid

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=SHANGHAI))  # noqa: DTZ001
MINUTES = st.integers(0, 60 * DAY_MINUTES)


def test_the_tariff_as_it_is_written() -> None:
    """Half an hour is free, then 5 yuan, 2.5 for each begun hour more, 25 a day at most."""
    stays = {0: 0, 30: 0, 31: 500, 60: 500, 61: 750, 240: 1_250, 540: 2_500, 1_440: 2_500, 1_441: 3_000}
    assert {minutes: parking_fee_cents(minutes) for minutes in stays} == stays
    assert duration_text(200) == "3小时20分"
    assert duration_text(20) == "20分"


@given(MINUTES, MINUTES)
def test_a_longer_stay_never_costs_less(one: int, other: int) -> None:
    """The fee grows with the stay, and a day more costs exactly a day more once it is not free."""
    shorter, longer = sorted((one, other))
    assert parking_fee_cents(shorter) <= parking_fee_cents(longer)
    if shorter > 30:
        assert parking_fee_cents(shorter + DAY_MINUTES) == parking_fee_cents(shorter) + DAY_CENTS


@given(MOMENTS, MOMENTS, st.integers(0, 2**80 - 1), st.integers(0, 2**80 - 1))
def test_ulids_sort_by_time(one: datetime, other: datetime, first: int, second: int) -> None:
    """26 characters of Crockford's alphabet, in the order of their milliseconds."""
    made = ulid(one, first)
    assert len(made) == 26
    assert set(made) <= set(ALPHABET)
    if one + timedelta(milliseconds=1) < other:
        assert made < ulid(other, second)


@given(st.integers(0, 2**63))
def test_yuan_is_exact(cents: int) -> None:
    """Fen become yuan with two decimals and nothing is lost."""
    assert Decimal(yuan(cents)) * 100 == cents
    assert yuan(cents)[-3] == "."
