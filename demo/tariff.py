"""What temporary parking costs; `seed_parking.py` and the parking upstream reckon with it."""

FREE_MINUTES = 30
FIRST_HOUR_CENTS = 500
FURTHER_HOUR_CENTS = 250
DAY_CENTS = 2_500
DAY_MINUTES = 24 * 60


def parking_fee_cents(minutes: int) -> int:
    """Fen for a stay: half an hour free, 5 yuan for the first hour, 2.5 for each begun one more, 25 a day at most."""
    if minutes <= FREE_MINUTES:
        return 0
    days, rest = divmod(minutes, DAY_MINUTES)
    if rest == 0:
        return days * DAY_CENTS
    further_hours = max(0, -(-rest // 60) - 1)
    return days * DAY_CENTS + min(DAY_CENTS, FIRST_HOUR_CENTS + further_hours * FURTHER_HOUR_CENTS)


def duration_text(minutes: int) -> str:
    """`3小时20分`, as the legacy system writes a stay."""
    hours, rest = divmod(minutes, 60)
    return f"{hours}小时{rest}分" if hours else f"{rest}分"
