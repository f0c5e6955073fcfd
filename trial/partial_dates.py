"""Dates known to the year, the month or the day; partial stays partial (ISO 8601 reduced precision)."""

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

FIRST_YEAR, LAST_YEAR = 1850, 2200

_FORMS = re.compile(r"(\d{4})(?:([-/])(\d{1,2})(?:\2(\d{1,2}))?)?|(\d{4})(\d{2})(\d{2})")


class PartialDateError(ValueError):
    """Raised for a text that is no date; says what is wrong and what to write."""


@dataclass(frozen=True)
class PartialDate:
    """A year, perhaps a month, perhaps a day of it."""

    year: int
    month: int | None = None
    day: int | None = None

    @classmethod
    def of(cls, day: date) -> "PartialDate":
        """Return a whole date as a partial one."""
        return cls(day.year, day.month, day.day)

    @property
    def earliest(self) -> date:
        """First day it can be."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> date:
        """Last day it can be."""
        month = self.month or 12
        return date(self.year, month, self.day or monthrange(self.year, month)[1])

    @property
    def exact(self) -> date | None:
        """The day, when it is known."""
        return self.earliest if self.day else None

    def is_before(self, day: date) -> bool | None:
        """Say whether it lies before a day; None when it can lie on either side."""
        if self.latest < day:
            return True
        return None if self.earliest < day else False

    def __str__(self) -> str:
        parts = [f"{self.year:04}", *(f"{part:02}" for part in (self.month, self.day) if part)]
        return "-".join(parts)


def parse(text: str) -> PartialDate:
    """Read 2022, 2022-03, 2022-03-05, 2022/3/5 or 20220305; the year always comes first.

    Full-width digits are read too. Whether a date may lie in the future is the caller's to say.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    found = _FORMS.fullmatch(plain)
    if not found:
        raise PartialDateError(f"{text!r} is not a date. Write 2022, 2022-03 or 2022-03-05, the year first.")
    year, _, month, day, *packed = found.groups()
    return _checked(text, *((year, month, day) if year else packed))


def _checked(text: str, year: str, month: str | None, day: str | None) -> PartialDate:
    parsed = PartialDate(int(year), int(month) if month else None, int(day) if day else None)
    if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
        raise PartialDateError(
            f"{text!r}: the year {parsed.year} must lie between {FIRST_YEAR} and {LAST_YEAR}. Correct it."
        )
    if parsed.month is not None and not 1 <= parsed.month <= 12:
        raise PartialDateError(f"{text!r}: there is no month {month}. Write the year, then month 01 to 12.")
    last = monthrange(parsed.year, parsed.month)[1] if parsed.month else 0
    if parsed.day is not None and not 1 <= parsed.day <= last:
        raise PartialDateError(f"{text!r}: {parsed.year}-{parsed.month:02} has {last} days. Correct the day.")
    return parsed
