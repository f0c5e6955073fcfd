"""Who the people are: baseline characteristics by arm, and what predicts taking up the offer."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analysis.balance import of_means, of_shares
from analysis.exact_tests import freeman_halton
from analysis.populations import by_arm
from analysis.significance import (
    Mean,
    PValue,
    equal_variance_t,
    fisher,
    mean,
    pearson,
    smallest_expected,
)
from analysis.subjects import ARMS, LABELS, SEX_CODES, YES_NO, Arm, SubjectRow


class Category(NamedTuple):
    """A characteristic of a few levels; `value` gives a level's key, or None where nothing was recorded."""

    key: str
    label: str
    levels: tuple[tuple[str, str], ...]
    value: Callable[[SubjectRow], str | None]


class Quantity(NamedTuple):
    """A characteristic measured as a number, or None where nothing was recorded."""

    key: str
    label: str
    value: Callable[[SubjectRow], float | None]


class Count(NamedTuple):
    """People counted, of those who could have been."""

    n: int
    of: int


@dataclass(frozen=True)
class CategoryByArm:
    """A category's levels counted in both arms, and their test."""

    category: Category
    levels: tuple[tuple[str, dict[Arm, Count]], ...]
    missing: dict[Arm, int]
    test: PValue
    difference: float | None  # standardized


@dataclass(frozen=True)
class QuantityByArm:
    """A quantity described in both arms, and its test."""

    quantity: Quantity
    means: dict[Arm, Mean]
    missing: dict[Arm, int]
    test: PValue
    difference: float | None  # standardized


class Step(NamedTuple):
    """One question of the uptake table: among whom, and what happened to them."""

    key: str
    label: str
    among: Callable[[SubjectRow], bool]
    happened: Callable[[SubjectRow], bool]


@dataclass(frozen=True)
class Uptake:
    """A category's levels counted for each step, and each step's test."""

    category: Category
    levels: tuple[tuple[str, tuple[Count, ...]], ...]
    tests: tuple[PValue, ...]


def banded(key: str, label: str, cuts: Sequence[float], names: Sequence[str], value: Callable) -> Category:
    """Cut a number into bands; each cut belongs to the band above it."""

    def band(row: SubjectRow) -> str | None:
        number = value(row)
        return None if number is None else names[bisect_right(cuts, number)]

    return Category(key, label, tuple((name, name) for name in names), band)


def _condition(name: str) -> Category:
    def answer(row: SubjectRow) -> str | None:
        value = getattr(row, name)
        return None if value is None else str(value)

    return Category(name, LABELS[name], (("False", YES_NO["False"]), ("True", YES_NO["True"])), answer)


def _positive_percent(row: SubjectRow) -> float | None:
    return 100 * row.films_positive / row.films_counted if row.films_counted else None


FILMS = banded(
    "films", "Films counted", (2, 4, 6), ("n = 1", "n = 2 or 3", "n = 4 or 5", "n > 5"),
    lambda row: row.films_counted or None,
)  # fmt: skip
POSITIVE_FILMS = banded(
    "positive_films", "Share of films positive", (80,), ("<80%", "≥80%"), _positive_percent
)
SEX = Category(
    "sex", LABELS["sex"], (("male", SEX_CODES["male"]), ("female", SEX_CODES["female"])), lambda row: row.sex
)
AGE = Quantity("age", "Age (years)", lambda row: row.age)
AGE_GROUP = banded("age_group", "Age group (years)", (65, 75), ("<65", "65-74", "≥75"), lambda row: row.age)
BMI = Quantity("bmi", "Body mass index (kg/m²)", lambda row: row.bmi)
BMI_GROUP = banded(
    "bmi_group",
    "Body mass index group (kg/m²)",
    (18.5, 24),
    ("<18.5", "18.5-23.9", "≥24"),
    lambda row: row.bmi,
)
ISCD = Category(
    "iscd_age_sex", "ISCD indication by age and sex",
    (("False", "Not meeting ISCD indication"), ("True", "Meeting ISCD indication")),
    _condition("iscd_age_sex").value,
)  # fmt: skip
CONDITIONS = tuple(
    _condition(name)
    for name in (
        "fracture", "fracture_hip", "fracture_wrist", "fracture_vertebra", "fracture_shoulder",
        "fracture_lower_leg", "fracture_osteoporotic", "secondary_osteoporosis", "hyperparathyroidism",
        "hyperthyroidism", "multiple_myeloma", "cushing_disease", "celiac_disease", "rheumatoid_arthritis",
        "glucocorticoids",
    )
)  # fmt: skip
BASELINE: tuple[Category | Quantity, ...] = (
    FILMS, POSITIVE_FILMS, SEX, AGE, AGE_GROUP, BMI, BMI_GROUP, *CONDITIONS
)  # fmt: skip
PREDICTORS: tuple[Category, ...] = (
    ISCD, FILMS, POSITIVE_FILMS, SEX, AGE_GROUP, BMI_GROUP,
    *(c for c in CONDITIONS
      if c.key in ("fracture", "secondary_osteoporosis", "rheumatoid_arthritis", "glucocorticoids")),
)  # fmt: skip
STEPS: tuple[Step, ...] = (
    Step("examined", "DXA by the trial", lambda row: True, lambda row: row.dxa_trial),
    Step("detected", "Osteoporosis given DXA", lambda row: row.dxa_trial, lambda row: row.osteoporosis_trial),
    Step(
        "treated", "Treatment given osteoporosis", lambda row: row.osteoporosis_trial, lambda row: row.treated
    ),
)


def baseline(
    rows: Sequence[SubjectRow], variables: Sequence[Category | Quantity] = BASELINE
) -> list[CategoryByArm | QuantityByArm]:
    """Describe the people by arm. The p values describe balance; they test nothing a trial is run for."""
    arms = by_arm(rows)
    return [
        _category_by_arm(arms, variable)
        if isinstance(variable, Category)
        else _quantity_by_arm(arms, variable)
        for variable in variables
    ]


def _category_by_arm(arms: dict[Arm, list[SubjectRow]], category: Category) -> CategoryByArm:
    tallies = {arm: Counter(map(category.value, arms[arm])) for arm in ARMS}
    missing = {arm: tallies[arm].pop(None, 0) for arm in ARMS}
    levels = tuple(
        (label, {arm: Count(tallies[arm][key], tallies[arm].total()) for arm in ARMS})
        for key, label in category.levels
    )
    counts = [[by[arm].n for _, by in levels] for arm in ARMS]
    return CategoryByArm(category, levels, missing, balance(counts), of_shares(*counts))


def balance(table: Sequence[Sequence[int]]) -> PValue:
    """Test baseline counts: Pearson without correction, or Fisher where an expected count is below 5.

    Where so many tables are possible that Fisher's would take long, Pearson's is kept and says so. Of more than two
    levels, those that nobody has are left out.
    """
    table = _without_empty(table)
    if smallest_expected(table) >= 5:
        return pearson(table, yates=False)
    if len(table[0]) == 2:
        return fisher(table)
    found, exact = pearson(table, yates=False), freeman_halton(table)
    if found.p is None or exact.p is not None:
        return found if found.p is None else exact
    return found._replace(why="an expected count is below 5")


def _without_empty(table: Sequence[Sequence[int]]) -> list[list[int]]:
    """Leave out the columns in which nobody is, but never so many that fewer than two are left."""
    columns = list(zip(*table, strict=True))
    filled = [column for column in columns if any(column)]
    return [list(row) for row in zip(*(columns if len(filled) < 2 else filled), strict=True)]


def _quantity_by_arm(arms: dict[Arm, list[SubjectRow]], quantity: Quantity) -> QuantityByArm:
    known = {arm: [value for row in arms[arm] if (value := quantity.value(row)) is not None] for arm in ARMS}
    missing = {arm: len(arms[arm]) - len(known[arm]) for arm in ARMS}
    means = {arm: mean(known[arm]) for arm in ARMS}
    test = equal_variance_t(known["screening"], known["control"])
    return QuantityByArm(quantity, means, missing, test, of_means(means["screening"], means["control"]))


def uptake(
    rows: Sequence[SubjectRow],
    predictors: Sequence[Category] = PREDICTORS,
    steps: Sequence[Step] = STEPS,
) -> list[Uptake]:
    """Count, level by level, who took each step; tests are R's chisq.test, Yates for two levels."""
    asked = [[row for row in rows if step.among(row)] for step in steps]
    took = [[row for row in people if step.happened(row)] for step, people in zip(steps, asked, strict=True)]
    return [_uptake(asked, took, category) for category in predictors]


def _uptake(
    asked: Sequence[Sequence[SubjectRow]], took: Sequence[Sequence[SubjectRow]], category: Category
) -> Uptake:
    all_of, some = ([Counter(map(category.value, people)) for people in step] for step in (asked, took))
    levels = tuple(
        (label, tuple(Count(n[key], of[key]) for n, of in zip(some, all_of, strict=True)))
        for key, label in category.levels
    )
    tests = tuple(
        pearson(_taken_or_not([counts[i] for _, counts in levels]), yates=True) for i in range(len(asked))
    )
    return Uptake(category, levels, tests)


def _taken_or_not(counts: Sequence[Count]) -> list[list[int]]:
    """Return who took a step and who didn't, level by level; nobody is in a level that was not asked."""
    taken, not_taken = [c.n for c in counts], [c.of - c.n for c in counts]
    return [list(row) for row in zip(*_without_empty([taken, not_taken]), strict=True)]
