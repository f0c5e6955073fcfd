"""When a device that sends films has been silent for longer than usual.

Only time on duty counts: 08:00 to 17:00 at the site, on its working days. Of each day on which films came the
longest wait is taken; the middle one of the last four weeks is what is usual, for bursts of films and one long
lunch move it little. Three times that is unusual, an hour and a half at least, and nothing is unusual before
films came on five days. So a device with a film a minute is marked after an hour and a half, one whose longest
wait of a day is an hour after three, and one with a film a day on the fourth day without. A choice of our own,
without a published source: it asks somebody to look, and decides nothing.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from statistics import median_low
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(8), time(17)
LOOKS_BACK = timedelta(weeks=4)
TIMES_THE_USUAL = 3
SHORTEST = timedelta(minutes=90)
FEWEST_DAYS = 5

WorkingDay = Callable[[date], bool]


def on_duty(begin: datetime, end: datetime, zone: ZoneInfo, works: WorkingDay) -> timedelta:
    """Return how much of the time between two moments lies in working hours at the site."""
    begin, end, total = begin.astimezone(zone), end.astimezone(zone), timedelta()
    for number in range((end.date() - begin.date()).days + 1):
        day = begin.date() + timedelta(days=number)
        if works(day):
            opens, closes = (datetime.combine(day, at, zone) for at in (OPENS, CLOSES))
            total += max(min(end, closes) - max(begin, opens), timedelta())
    return total


def usual_wait(arrivals: Sequence[datetime], zone: ZoneInfo, works: WorkingDay) -> timedelta | None:
    """Return the usual longest wait of a day, or None before enough is known; arrivals are in order."""
    longest: dict[date, timedelta] = {}
    for before, after in pairwise(arrivals):
        day = after.astimezone(zone).date()
        longest[day] = max(longest.get(day, timedelta()), on_duty(before, after, zone, works))
    return median_low(longest.values()) if len(longest) >= FEWEST_DAYS else None


def is_unusual(arrivals: Sequence[datetime], now: datetime, zone: ZoneInfo, works: WorkingDay) -> bool:
    """Say whether nothing came for longer than usual; `arrivals` are those of LOOKS_BACK, in order."""
    usual = usual_wait(arrivals, zone, works)
    if usual is None:
        return False
    return on_duty(arrivals[-1], now, zone, works) > max(TIMES_THE_USUAL * usual, SHORTEST)
