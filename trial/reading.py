"""Read plain values (as JSON gives them) under dotted paths, and keep every problem instead of the first."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

C = TypeVar("C", bound=StrEnum)
T = TypeVar("T")

MISSING = object()


@dataclass(frozen=True)
class Problem:
    """What is wrong: where, the value found, the limit, what to do; and the other paths it depends on."""

    path: str
    value: Any
    limit: str
    remedy: str
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        found = "is missing" if self.value is MISSING else f"is {_shown(self.value)}"
        return f"{self.path} {found}; it must be {self.limit}. {self.remedy}"


class Reader:
    """One mapping under a path; each method reads a name, or notes what is wrong and returns a stand-in."""

    def __init__(self, values: Any, path: str = "", problems: list[Problem] | None = None) -> None:
        self.path = path
        self.problems: list[Problem] = [] if problems is None else problems
        self._known: set[str] = set()
        if not isinstance(values, Mapping):
            self._note(path or "the protocol", values, "an object with named fields", "Write it as {…}.")
            # One problem says it all; those of the fields inside go nowhere.
            values, self.problems = {}, []
        self._values = values

    def part(self, name: str) -> "Reader":
        """Return a reader of a mapping inside this one."""
        return Reader(self._take(name), self._at(name), self.problems)

    def text(self, name: str, longest: int = 200) -> str:
        """Read a text that is not blank."""
        value = self._take(name)
        if isinstance(value, str) and 0 < len(value.strip()) <= longest:
            return value.strip()
        return self._refuse(name, value, f"a text of 1 to {longest} characters", "Write it out.", "")

    def whole(self, name: str, low: int, high: int) -> int:
        """Read a whole number within limits, both inclusive."""
        value = self._take(name)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        return self._refuse(name, value, f"a whole number from {low} to {high}", "Correct the number.", low)

    def decimal(self, name: str, low: Decimal, high: Decimal) -> Decimal:
        """Read a decimal between limits, both exclusive; written as text, for a float would not be exact."""
        value = self._take(name)
        try:
            number = Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            number = None
        if number is not None and number.is_finite() and low < number < high:
            return number
        return self._refuse(
            name, value, f"a number between {low} and {high}", 'Write it as text: "0.5".', low
        )

    def fraction(self, name: str) -> Fraction:
        """Read a probability between 0 and 1, both exclusive, kept exactly."""
        value = self._take(name)
        try:
            number = Fraction(str(value)) if isinstance(value, str | float) else None
        except (ValueError, ZeroDivisionError):
            number = None
        if number is not None and 0 < number < 1:
            return number
        limit = "a probability above 0 and below 1"
        return self._refuse(name, value, limit, 'Write it as "2/3" or "0.8".', Fraction(1, 2))

    def day(self, name: str) -> date:
        """Read a date written YYYY-MM-DD."""
        return self._parsed(name, _day, "a date that exists, YYYY-MM-DD", "Write 2023-01-01.", date.min)

    def clock(self, name: str) -> time:
        """Read a time of day written HH:MM."""
        return self._parsed(name, _clock, "a time of day, HH:MM", "Write 09:00.", time.min)

    def code(self, name: str, codes: type[C]) -> C:
        """Read one code of a list."""
        value = self._take(name)
        if value in list(codes):
            return codes(value)
        return self._refuse(name, value, _one_of(codes), "Choose one of them.", next(iter(codes)))

    def codes(self, name: str, codes: type[C], at_least: int = 0) -> tuple[C, ...]:
        """Read a list of different codes, in the order given."""
        values = self._take(name)
        listed = isinstance(values, list | tuple)
        if listed and all(v in list(codes) for v in values) and len(set(values)) == len(values) >= at_least:
            return tuple(codes(v) for v in values)
        limit = f"a list of different codes, each {_one_of(codes)}"
        return self._refuse(name, values, limit, f"List {at_least or 'none'} or more of them.", ())

    def wholes(self, name: str, low: int, high: int) -> tuple[int, ...]:
        """Read a list of whole numbers in rising order, each within limits."""
        values = self._take(name)
        listed = isinstance(values, list | tuple) and all(type(v) is int and low <= v <= high for v in values)
        if listed and list(values) == sorted(set(values)):
            return tuple(values)
        limit = f"a list of different whole numbers from {low} to {high}, the smallest first"
        return self._refuse(name, values, limit, "Correct the list.", ())

    def optional(self, name: str, read: Callable[[], T]) -> T | None:
        """Read what may be null: None then, else what ``read`` returns."""
        self._known.add(name)
        return read() if self._values.get(name) is not None else None

    def matching(self, name: str, pattern: str, meaning: str) -> str:
        """Read a text of a fixed form."""
        value = self._take(name)
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        return self._refuse(name, value, meaning, "Copy it again.", "")

    def items(self, name: str) -> list["Reader"]:
        """Return a reader for each mapping in a list."""
        values = self._take(name)
        if isinstance(values, list | tuple):
            return [Reader(v, f"{self._at(name)}[{i}]", self.problems) for i, v in enumerate(values)]
        return self._refuse(name, values, "a list", "Write it as […].", [])

    def names(self) -> list[str]:
        """Return the names written in this mapping."""
        return [str(name) for name in self._values]

    def done(self, read: T) -> T:
        """Finish this mapping and hand on what was read from it."""
        self.finish()
        return read

    def finish(self) -> None:
        """Note every name that nothing read: a misspelled field must not be dropped in silence."""
        for name in self.names():
            if name not in self._known:
                known = ", ".join(sorted(self._known))
                self._note(self._at(name), self._values[name], "absent", f"Known here: {known}.")

    def _take(self, name: str) -> Any:
        self._known.add(name)
        return self._values.get(name, MISSING)

    def _parsed(self, name: str, parse: Callable[[str], T], limit: str, remedy: str, stand_in: T) -> T:
        value = self._take(name)
        try:
            return parse(value)
        except (TypeError, ValueError):
            return self._refuse(name, value, limit, remedy, stand_in)

    def _refuse(self, name: str, value: Any, limit: str, remedy: str, stand_in: T) -> T:
        self._note(self._at(name), value, limit, remedy)
        return stand_in

    def _note(self, path: str, value: Any, limit: str, remedy: str) -> None:
        self.problems.append(Problem(path, value, limit, remedy))

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def settled(found: Iterable[Problem], failed: Iterable[Problem]) -> list[Problem]:
    """Drop the problems that rest on a path already refused: its stand-in proves nothing."""
    refused = tuple(problem.path for problem in failed)
    return [
        problem
        for problem in found
        if not any(_inside(path, other) for path in (problem.path, *problem.also) for other in refused)
    ]


def _inside(path: str, other: str) -> bool:
    return any(a == b or a.startswith((f"{b}.", f"{b}[")) for a, b in ((path, other), (other, path)))


def _day(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _clock(text: str) -> time:
    if not re.fullmatch(r"\d{2}:\d{2}", text):
        raise ValueError(text)
    return time.fromisoformat(text)


def _one_of(codes: type[StrEnum]) -> str:
    return "one of " + ", ".join(codes)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
