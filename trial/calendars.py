"""Which days are working days: the protocol's weekdays, the public holidays of a calendar, a site's own days.

Source of public holidays and of make-up working days: python-holidays, by ISO 3166 code ("TW", "DE-BY").
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

import holidays

from trial.protocol_parts import Weekday


class Opening(StrEnum):
    """Whether a site is open on a day out of turn."""

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True)
class OwnDay:
    """What one site says of a day, whatever the calendar says: closed, or open (a make-up working day)."""

    opening: Opening
    reason: str


@dataclass(frozen=True)
class Calendar:
    """The working days of one site."""

    weekdays: Collection[Weekday]
    code: str
    own: Mapping[date, OwnDay] = field(default_factory=dict)

    def day_off(self, day: date) -> str | None:
        """Return what kind of day off a day is, or None when it is a working day; the site's own word counts first."""
        if own := self.own.get(day):
            return f"closed at this site ({own.reason})" if own.opening is Opening.CLOSED else None
        public = public_holidays(self.code)
        if name := public.get(day):
            return f"{name} (public holiday, calendar {self.code})"
        # A Saturday worked to make up for a bridge day; `get` has filled in the year.
        if day in public.weekend_workdays or weekday_of(day) in self.weekdays:
            return None
        return f"a {day:%A}"

    def working_day(self, day: date) -> date:
        """Return the first working day, `day` itself or after it."""
        while self.day_off(day):
            day += timedelta(days=1)
        return day


def weekday_of(day: date) -> Weekday:
    """Return the day of the week."""
    return list(Weekday)[day.weekday()]


@lru_cache
def public_holidays(code: str) -> holidays.HolidayBase:
    """Return the public holidays of a country or its part; raises ValueError for a code nobody has."""
    country, _, part = code.partition("-")
    try:
        return holidays.country_holidays(country, subdiv=part or None, language="en_US")
    except (NotImplementedError, TypeError):  # no country, or another name of the library
        raise ValueError(
            f"{code!r} is no calendar. Name a country such as TW, or a part of one such as DE-BY."
        ) from None
