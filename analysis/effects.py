"""Binary endpoints by arm: absolute and relative effect of each, overall and within subgroups."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from analysis.characteristics import PREDICTORS, Category
from analysis.estimators import Estimate, NumberNeeded, TwoByTwo, number_needed, two_by_two
from analysis.methods import ODDS_RATIOS, RISK_DIFFERENCES, RISK_RATIOS, TESTS, Methods
from analysis.significance import Interaction, PValue, interaction
from analysis.subjects import ARMS, DRUG_CODES, LABELS, SubjectRow

Event = Callable[[SubjectRow], bool]


class Endpoint(NamedTuple):
    """A yes/no outcome of a person, and where it stands in the table of effects."""

    key: str
    label: str
    group: str
    happened: Event
    indent: int = 1


class Level(NamedTuple):
    """One stratum of a subgroup."""

    key: str
    label: str
    includes: Event


class Subgroup(NamedTuple):
    """A split of the people by something known before randomization."""

    key: str
    label: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Effect:
    """One endpoint in both arms. CONSORT 2025 item 26: absolute and relative effect for a binary outcome."""

    key: str
    label: str
    group: str
    indent: int
    counts: TwoByTwo
    odds_ratio: Estimate
    risk_ratio: Estimate
    risk_difference: Estimate
    number_needed: NumberNeeded
    test: PValue


@dataclass(frozen=True)
class SubgroupEffect:
    """One endpoint in each level of a subgroup; `missing` counts the people of no level."""

    endpoint: Endpoint
    subgroup: Subgroup
    levels: tuple[Effect, ...]
    interaction: Interaction
    missing: int


def _field(name: str, group: str, indent: int = 2) -> Endpoint:
    return Endpoint(name, LABELS[name], group, lambda row: bool(getattr(row, name)), indent)


def _drug(name: str) -> Endpoint:
    return Endpoint(f"drug_{name}", DRUG_CODES[name], "Medication", lambda row: name in row.drugs, 2)


EXAMINED = _field("dxa", "Examination", 1)
DETECTED = _field("osteoporosis", "Result", 1)._replace(label="New-onset osteoporosis (primary endpoint)")
TREATED = _field("treated", "Medication", 1)._replace(label="All anti-osteoporotic medications")
ENDPOINTS: tuple[Endpoint, ...] = (
    EXAMINED,
    *(_field(name, "Examination") for name in ("dxa_trial", "dxa_physician", "dxa_lumbar_spine", "dxa_hip")),
    DETECTED,
    *(_field(name, "Result") for name in ("osteoporosis_lumbar_spine", "osteoporosis_hip")),
    TREATED,
    *map(_drug, DRUG_CODES),
)
ISCD_AGE_SEX = Subgroup(
    "iscd_age_sex",
    "Age and sex, ISCD indication",
    (
        Level("not_meeting", "Men aged <70 y/o or women aged <65 y/o", lambda row: row.iscd_age_sex is False),
        Level("meeting", "Men aged ≥70 y/o or women aged ≥65 y/o", lambda row: row.iscd_age_sex is True),
    ),
)


def _subgroup(category: Category) -> Subgroup:
    """Make a subgroup of a baseline characteristic; who has no recorded value belongs to no level."""

    def level(key: str, label: str) -> Level:
        return Level(key, label, lambda row: category.value(row) == key)

    return Subgroup(category.key, category.label, tuple(level(*named) for named in category.levels))


SUBGROUPS: Mapping[str, Subgroup] = MappingProxyType(
    {category.key: _subgroup(category) for category in PREDICTORS} | {ISCD_AGE_SEX.key: ISCD_AGE_SEX}
)

USUAL = Methods()


def count(rows: Iterable[SubjectRow], happened: Event) -> TwoByTwo:
    """Count people and events in both arms as randomized; people without an arm don't count."""
    tally = Counter((row.arm, bool(happened(row))) for row in rows if row.arm)
    events = {arm: tally[arm, True] for arm in ARMS}
    people = {arm: events[arm] + tally[arm, False] for arm in ARMS}
    return two_by_two(events["screening"], people["screening"], events["control"], people["control"])


def effect(rows: Iterable[SubjectRow], endpoint: Endpoint, methods: Methods = USUAL) -> Effect:
    """Estimate the effect on one endpoint by these methods, and test it."""
    counts = count(rows, endpoint.happened)
    difference = RISK_DIFFERENCES[methods.risk_difference](counts)
    return Effect(
        endpoint.key,
        endpoint.label,
        endpoint.group,
        endpoint.indent,
        counts,
        ODDS_RATIOS[methods.odds_ratio](counts),
        RISK_RATIOS[methods.risk_ratio](counts),
        difference,
        number_needed(difference),
        TESTS[methods.test](counts),
    )


def effects(
    rows: Sequence[SubjectRow], endpoints: Iterable[Endpoint] = ENDPOINTS, methods: Methods = USUAL
) -> list[Effect]:
    """Estimate the effect on each endpoint."""
    return [effect(rows, endpoint, methods) for endpoint in endpoints]


def subgroup_effect(
    rows: Sequence[SubjectRow],
    endpoint: Endpoint,
    subgroup: Subgroup = ISCD_AGE_SEX,
    methods: Methods = USUAL,
) -> SubgroupEffect:
    """Estimate the effect within each level, and test whether it differs between them."""
    randomized = [row for row in rows if row.arm is not None]
    members = [[row for row in randomized if level.includes(row)] for level in subgroup.levels]
    found = tuple(
        effect(people, endpoint._replace(key=level.key, label=level.label), methods)
        for level, people in zip(subgroup.levels, members, strict=True)
    )
    test = interaction([level.counts for level in found])
    return SubgroupEffect(endpoint, subgroup, found, test, len(randomized) - sum(map(len, members)))


def subgroup_effects(
    rows: Sequence[SubjectRow],
    endpoints: Iterable[Endpoint] = (EXAMINED, DETECTED, TREATED),
    subgroup: Subgroup = ISCD_AGE_SEX,
    methods: Methods = USUAL,
) -> list[SubgroupEffect]:
    """Estimate the effect on each endpoint within each level of a subgroup."""
    return [subgroup_effect(rows, endpoint, subgroup, methods) for endpoint in endpoints]
