"""Ages in completed years, and what an age on a day says of a birth date.

Somebody born on 29 February completes a year on 1 March of a common year.
"""

from datetime import date, timedelta

Bounds = tuple[date, date]


def age_on(birth: date, day: date) -> int:
    """Return completed years on a day (negative before birth)."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def age_bounds(birth: Bounds, day: date) -> tuple[int, int]:
    """Return the lowest and highest age on a day for earliest and latest possible birth dates."""
    earliest, latest = birth
    return age_on(latest, day), age_on(earliest, day)


def birth_bounds(years: int, on: date) -> Bounds:
    """Return the earliest and latest birth date of somebody who is so many completed years old on a day."""
    return _born_by(on, years + 1) + timedelta(days=1), _born_by(on, years)


def narrowed(one: Bounds, other: Bounds) -> Bounds | None:
    """Return what two bounds allow together, or None when they contradict each other."""
    earliest, latest = max(one[0], other[0]), min(one[1], other[1])
    return (earliest, latest) if earliest <= latest else None


def _born_by(day: date, years: int) -> date:
    """Return the latest birth date of somebody at least so many years old on a day."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February of a common year
        return date(day.year - years, 2, 28)
