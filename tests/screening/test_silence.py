"""A device is silent for longer than usual by its own habit, in the site's working hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from screening.silence import is_unusual, on_duty, usual_wait

TAIPEI = ZoneInfo("Asia/Taipei")
MONDAY = date(2026, 3, 2)


def works(day: date) -> bool:
    return day.weekday() < 5


def at(day: int, hour: float) -> datetime:
    """Return an hour of a day of the first weeks of March 2026 at the site."""
    return datetime(2026, 3, 1, tzinfo=TAIPEI) + timedelta(days=day - 1, hours=hour)


def every(hours: float, days: range) -> list[datetime]:
    """Return arrivals in the working hours of working days."""
    count = int(9 / hours) + 1
    return [at(d, 8 + hours * n) for d in days if works(at(d, 0).date()) for n in range(count)]


def silent(arrivals: list[datetime], now: datetime) -> bool:
    return is_unusual(arrivals, now.astimezone(UTC), TAIPEI, works)


def test_only_working_hours_count():
    assert on_duty(at(2, 16), at(3, 9), TAIPEI, works) == timedelta(hours=2), "a night is none"
    assert on_duty(at(6, 16), at(9, 9), TAIPEI, works) == timedelta(hours=2), "nor is a weekend"
    assert on_duty(at(7, 9), at(8, 20), TAIPEI, works) == timedelta()
    assert on_duty(at(2, 9), at(2, 9.5), TAIPEI, works) == timedelta(minutes=30)


def test_a_busy_device_is_marked_after_an_hour_and_a_half():
    films = every(0.1, range(2, 14))

    assert not silent(films, at(16, 9.4))
    assert silent(films, at(16, 9.6))
    assert not silent(films, at(15, 12)), "on a Sunday nobody films"


def test_a_slow_device_has_its_own_measure():
    films = [at(d, 10) for d in range(2, 14) if works(at(d, 0).date())]

    assert usual_wait(films, TAIPEI, works) == timedelta(hours=9)
    assert not silent(films, at(18, 9)), "the third day"
    assert silent(films, at(18, 11))


def test_one_long_lunch_changes_little():
    films = every(0.5, range(2, 14))
    gone = [film for film in films if not at(4, 9) < film < at(4, 16)]

    assert usual_wait(gone, TAIPEI, works) == usual_wait(films, TAIPEI, works) == timedelta(minutes=30)


def test_of_a_new_device_nothing_is_known():
    assert not silent([], at(13, 12))
    assert not silent([at(2, 9)], at(13, 12))
    assert not silent(every(0.5, range(2, 6)), at(13, 12)), "four days are too few"
