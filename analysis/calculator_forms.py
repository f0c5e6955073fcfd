"""What is typed into the calculator. A form that is valid has its answer, as tables and drawings."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from analysis import planning
from analysis.answers import effect_lines, effect_tables, strata_lines, strata_tables
from analysis.calculator import effect, read_arm, read_strata, strata
from analysis.design import BadPlan, Plan, risk_from_odds_ratio
from analysis.estimators import BadCounts, TwoByTwo, two_by_two
from analysis.figures import boundaries, forest
from analysis.interim import BadDesign
from analysis.tables import Table
from trial.forms import PageForm, ParsedField, plain

KINDS = {
    "spending obrien-fleming": "Lan-DeMets spending, O'Brien-Fleming type",
    "spending pocock": "Lan-DeMets spending, Pocock type",
    "classical obrien-fleming": "O'Brien-Fleming, classical",
    "classical pocock": "Pocock, classical",
}


class Calculation(PageForm):
    """One kind of question; `further` names the fields that most questions don't need."""

    about: ClassVar[str]
    further: ClassVar[tuple[str, ...]] = ()
    answer: dict[str, Any]

    def clean(self) -> dict[str, Any]:
        """Compute the answer, or say with what was typed there is none."""
        given = super().clean() or {}
        if not self.errors:
            try:
                self.answer = self.compute(given)
            except (BadCounts, BadDesign, BadPlan) as no:
                raise ValidationError(str(no)) from None
        return given

    def compute(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to what was typed."""
        raise NotImplementedError

    def tables(self) -> Sequence[Table]:
        """Lay out the answer."""
        raise NotImplementedError

    def figure(self) -> bytes | None:
        """Draw the answer, if there is anything to draw."""
        return None

    @property
    def usual(self) -> list[forms.BoundField]:
        """Return the fields that every question needs."""
        return [field for field in self if field.name not in self.further]

    @property
    def rare(self) -> list[forms.BoundField]:
        """Return the others."""
        return [self[name] for name in self.further]

    @property
    def opened(self) -> bool:
        """Say whether anything was typed among the others."""
        return any(field.errors or field.data not in (None, "", field.initial) for field in self.rare)


class ArmField(ParsedField):
    """Events of the people in one arm: 272/2456."""

    def read(self, text: str) -> tuple[int, int]:
        """Read both counts."""
        return read_arm(plain(text))


class StrataField(ParsedField):
    """Strata, one a line or with blanks between: 117/751,6/761 155/1705,21/1695."""

    def read(self, text: str) -> list[TwoByTwo]:
        """Read both arms of each stratum."""
        return read_strata(re.sub(r"\s*,\s*", ",", plain(text)).split())


class EffectForm(Calculation):
    """One table of two arms."""

    about = "Odds ratio, risk ratio, risk difference and tests of one table."
    screening = ArmField(max_length=30, label="Screening arm", help_text="Events/people, such as 272/2456.")
    control = ArmField(max_length=30, label="Control arm", help_text="Such as 27/2456.")

    def compute(self, given: dict[str, Any]) -> dict[str, Any]:
        """Estimate and test."""
        return effect(two_by_two(*given["screening"], *given["control"]))

    def tables(self) -> Sequence[Table]:
        """Lay out estimates, then tests."""
        return effect_tables(self.answer)

    def figure(self) -> bytes:
        """Draw the ratios."""
        return forest(effect_lines(self.answer), title="Odds ratio and risk ratio", axis="Ratio")


class StrataForm(Calculation):
    """Tables of several strata."""

    about = "Mantel-Haenszel effects over strata, and tests whether they are alike."
    strata = StrataField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        label="Strata, one a line",
        help_text="Screening, then control, such as 117/751,6/761 and below it 155/1705,21/1695.",
    )

    def compute(self, given: dict[str, Any]) -> dict[str, Any]:
        """Estimate and test."""
        return strata(given["strata"])

    def tables(self) -> Sequence[Table]:
        """Lay out strata, common effects, then tests."""
        return strata_tables(self.answer)

    def figure(self) -> bytes:
        """Draw the odds ratio of each stratum and the common one."""
        return forest(strata_lines(self.answer), title="Odds ratio by stratum")


class BoundariesForm(Calculation):
    """Interim looks."""

    about = "Boundaries of interim looks, what they cost, and conditional power."
    kind = forms.ChoiceField(choices=list(KINDS.items()), label="Boundaries")
    looks = forms.IntegerField(initial=3, min_value=1, max_value=20, label="Looks, the last one included")
    alpha = forms.FloatField(initial=0.05, label="Alpha, two-sided")
    power = forms.FloatField(
        initial=0.9, label="Power", help_text="Of the trial with its looks, such as 0.9."
    )
    information = forms.CharField(
        required=False,
        max_length=200,
        label="Information at the looks",
        help_text="Such as 0.3, 0.6, 1; equally spaced if left empty.",
    )
    at = forms.IntegerField(
        required=False, label="Conditional power at look", help_text="Its number, such as 1."
    )
    z = forms.FloatField(required=False, label="z seen there", help_text="Positive in favor of screening.")
    further = ("information", "at", "z")

    def clean_information(self) -> list[float] | None:
        """Read fractions with commas or blanks between."""
        words = re.split(r"[\s,;]+", plain(self.cleaned_data["information"]))
        try:
            return [float(word) for word in words if word] or None
        except ValueError:
            raise ValidationError("Write fractions with commas between, such as 0.3, 0.6, 1.") from None

    def compute(self, given: dict[str, Any]) -> dict[str, Any]:
        """Find the boundaries."""
        way, shape = given.pop("kind").split()
        return planning.boundaries(**given, **{way: shape})

    def tables(self) -> Sequence[Table]:
        """Lay out the looks."""
        return [planning.boundaries_table(self.answer)]

    def figure(self) -> bytes:
        """Draw the boundaries, and what was seen."""
        looks = [(look["information"], look["z"]) for look in self.answer["looks"]]
        seen = self.answer["seen"]
        point = (looks[seen["look"] - 1][0], seen["z"]) if seen else None
        return boundaries(looks, title="Boundaries by information", seen=point)


class SampleSizeForm(Calculation):
    """People and power."""

    about = "People needed for a power, or the power that people give."
    control = forms.FloatField(label="Risk in the control arm", help_text="A share, such as 0.011.")
    screening = forms.FloatField(
        required=False, label="Risk in the screening arm", help_text="Such as 0.022."
    )
    odds_ratio = forms.FloatField(required=False, label="or the odds ratio")
    power = forms.FloatField(required=False, initial=0.9, label="Power")
    people = forms.IntegerField(required=False, label="or the people in the control arm")
    ratio = forms.FloatField(initial=1, label="Screening to control")
    alpha = forms.FloatField(initial=0.05, label="Alpha, two-sided")
    margin = forms.FloatField(required=False, label="Non-inferiority margin", help_text="A risk difference.")
    harm = forms.BooleanField(required=False, label="Fewer events are better (for the margin)")
    cluster_size = forms.FloatField(required=False, label="People in a cluster")
    icc = forms.FloatField(required=False, label="Intracluster correlation")
    cluster_cv = forms.FloatField(required=False, label="Variation of cluster sizes", help_text="SD/mean.")
    dropout = forms.FloatField(required=False, label="Share lost before the end")
    further = ("margin", "harm", "cluster_size", "icc", "cluster_cv", "dropout")

    def compute(self, given: dict[str, Any]) -> dict[str, Any]:
        """Find people or power."""
        power, people, odds_ratio = (given.pop(name) for name in ("power", "people", "odds_ratio"))
        if (given["screening"] is None) == (odds_ratio is None):
            raise BadPlan("Give one: the risk in the screening arm, or the odds ratio.")
        if odds_ratio is not None:
            given["screening"] = risk_from_odds_ratio(given["control"], odds_ratio)
        plan = Plan(**{name: value for name, value in given.items() if value is not None})
        return planning.sample_size(plan, power=power, people=people)

    def tables(self) -> Sequence[Table]:
        """Lay out the methods."""
        return [planning.sample_size_table(self.answer)]


CALCULATIONS: dict[str, tuple[str, type[Calculation]]] = {
    "effect": ("Effect", EffectForm),
    "strata": ("Strata", StrataForm),
    "boundaries": ("Interim looks", BoundariesForm),
    "sample-size": ("Sample size", SampleSizeForm),
}
