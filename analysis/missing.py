"""Outcomes that nobody knows: the declared rule beside the two extremes, so that a reader sees what they can do."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from analysis.estimators import BadCounts, TwoByTwo, two_by_two


class Rule(StrEnum):
    """What the plan says a missing outcome counts as."""

    NO_EVENT = "no_event"
    EVENT = "event"
    LEFT_OUT = "left_out"


RULES: Mapping[Rule, str] = {
    Rule.NO_EVENT: "a missing outcome counts as no event",
    Rule.EVENT: "a missing outcome counts as an event",
    Rule.LEFT_OUT: "people whose outcome is missing are left out (complete cases)",
}


class Known(NamedTuple):
    """One arm: events, people whose outcome is known, people whose outcome is missing."""

    events: int
    known: int
    missing: int

    def counted(self, rule: Rule) -> tuple[int, int]:
        """Return events and people under a rule."""
        if rule is Rule.LEFT_OUT:
            return self.events, self.known
        extra = self.missing if rule is Rule.EVENT else 0
        return self.events + extra, self.known + self.missing


class Scenario(NamedTuple):
    """One table that the missing outcomes may have been."""

    label: str
    table: TwoByTwo


def scenarios(screening: Known, control: Known, declared: Rule) -> dict[str, Scenario]:
    """Return the tables under the declared rule, and with the missing best and worst for the screening arm.

    The event is a gain, as a detection is: at best all missing of the screening arm had it and none of the control.
    """
    for arm in (screening, control):
        if arm.missing < 0:
            raise BadCounts(f"{arm.missing} missing outcomes: give 0 or more.")

    def table(mine: Rule, theirs: Rule) -> TwoByTwo:
        return two_by_two(*screening.counted(mine), *control.counted(theirs))

    best = "best case: missing had the event in the screening arm, none in the control arm"
    worst = "worst case: missing had the event in the control arm, none in the screening arm"
    return {
        "declared": Scenario(f"declared rule: {RULES[declared]}", table(declared, declared)),
        "best": Scenario(best, table(Rule.EVENT, Rule.NO_EVENT)),
        "worst": Scenario(worst, table(Rule.NO_EVENT, Rule.EVENT)),
    }
