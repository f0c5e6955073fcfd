"""The statistical analysis plan: what is computed, among whom and how, declared before the arms are known.

A plan is YAML of the shape that SCHEMA gives (ICH E9 5.1; JSON Schema 2020-12). It names endpoints, populations,
subgroups, covariates and methods by the keys of this code and says nothing of any one trial; what a report shows
beside it is marked post hoc.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from analysis.characteristics import BASELINE, PREDICTORS
from analysis.effects import DETECTED, ENDPOINTS, EXAMINED, ISCD_AGE_SEX, SUBGROUPS, TREATED, Endpoint
from analysis.interim import BadDesign, check_alpha, check_information
from analysis.methods import (
    INTERACTIONS,
    ODDS_RATIOS,
    RISK_DIFFERENCES,
    RISK_RATIOS,
    TESTS,
    Methods,
)
from analysis.populations import ANALYSIS_SETS, PER_PROTOCOL, AnalysisSet
from analysis.subjects import ARMS, CODEBOOK, LABELS, Arm, SubjectRow

LARGEST = 64 * 1024  # characters of YAML
TEMPLATE = Path(__file__).parent / "plans" / "two_arms.yaml"  # a plan to begin with
FACTS = tuple(v.name for v in CODEBOOK if v.type == "yes/no")
MISSING: Mapping[str, str] = MappingProxyType(
    {
        "no_record_is_no_event": "an outcome that nobody recorded did not happen",
        "leave_out_withdrawn": "who withdrew without the outcome is left out",
    }
)
SPENDING = ("obrien-fleming", "pocock")
TIMED: Mapping[str, str] = MappingProxyType({"dxa": "dxa_on", "osteoporosis": "osteoporosis_on"})


class PlanError(ValueError):
    """A text that is no plan; `problems` says each fault with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Kept:
    """Who of an arm kept to the protocol: with all of these facts, without any of those."""

    having: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def keeps(self, row: SubjectRow) -> bool:
        """Tell whether the person has every fact that is asked for and none that is ruled out."""
        return all(getattr(row, fact) for fact in self.having) and not any(
            getattr(row, fact) for fact in self.without
        )


@dataclass(frozen=True)
class Interim:
    """The planned looks: shares of the information at each, how the error is spent, and all the people compared."""

    information: tuple[float, ...]
    spending: str
    alpha: float
    people: int | None = None


@dataclass(frozen=True)
class Plan:
    """One plan, checked."""

    title: str
    primary: str
    secondary: tuple[str, ...]
    population: str
    sensitivity: tuple[str, ...]
    per_protocol: Mapping[Arm, Kept] | None
    subgroups: tuple[str, ...]
    subgroup_endpoints: tuple[str, ...]
    covariates: tuple[str, ...]
    cluster: str | None
    exposure: str | None
    timed: tuple[str, ...]
    baseline_tests: bool
    predictors: tuple[str, ...]
    methods: Methods
    missing: str
    best_and_worst: bool
    interim: Interim | None
    notes: tuple[str, ...] = ()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Return the primary and the secondary endpoints."""
        return (self.primary, *self.secondary)

    def analysis_set(self, name: str) -> AnalysisSet:
        """Return a population by name; per protocol is what this plan says it is."""
        if name != PER_PROTOCOL:
            return next(chosen for chosen in ANALYSIS_SETS if chosen.name == name)
        kept = self.per_protocol or {}
        told = "; ".join(f"{arm} arm: {_kept_in_words(kept[arm])}" for arm in ARMS)
        return AnalysisSet(
            PER_PROTOCOL,
            "Per protocol",
            f"who kept to the protocol ({told})",
            lambda row: row.arm is not None and kept[row.arm].keeps(row),
        )

    def counted(self, rows: Iterable[SubjectRow], endpoint: Endpoint) -> list[SubjectRow]:
        """Return the people in whom an endpoint counts, by the plan's rule for what is missing."""
        if self.missing == "leave_out_withdrawn":
            return [row for row in rows if endpoint.happened(row) or not row.withdrawn]
        return list(rows)


def _kept_in_words(kept: Kept) -> str:
    parts = [f"with {' and '.join(_quoted(kept.having))}"] if kept.having else []
    parts += [f"without {' or '.join(_quoted(kept.without))}"] if kept.without else []
    return ", ".join(parts) or "everybody"


def _quoted(facts: Iterable[str]) -> list[str]:
    return [f"“{LABELS[fact]}”" for fact in facts]


# What is shown where no plan was signed, all of it post hoc.
UNPLANNED = Plan(
    title="No plan",
    primary=DETECTED.key,
    secondary=tuple(endpoint.key for endpoint in ENDPOINTS if endpoint != DETECTED),
    population="intention_to_treat",
    sensitivity=("without_errors",),
    per_protocol=None,
    subgroups=(ISCD_AGE_SEX.key,),
    subgroup_endpoints=(EXAMINED.key, DETECTED.key, TREATED.key),
    covariates=(),
    cluster=None,
    exposure=None,
    timed=(),
    baseline_tests=True,
    predictors=tuple(category.key for category in PREDICTORS),
    methods=Methods(),
    missing="no_record_is_no_event",
    best_and_worst=False,
    interim=None,
)


def _some(names: Iterable[str], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"enum": list(names)}, "uniqueItems": True} | more


def _object(required: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _choice(names: Iterable[str]) -> dict[str, Any]:
    return {"enum": list(names)}


_ENDPOINTS = tuple(endpoint.key for endpoint in ENDPOINTS)
_SETS = ("intention_to_treat", "without_errors", PER_PROTOCOL)
_KEPT = _object(having=_some(FACTS), without=_some(FACTS))
COVARIATES = tuple(variable.key for variable in BASELINE)
SCHEMA: Mapping[str, Any] = MappingProxyType(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Statistical analysis plan",
        **_object(
            ("plan", "title", "endpoints", "populations", "missing"),
            plan={"const": 1},
            title={"type": "string", "minLength": 1, "maxLength": 200},
            endpoints=_object(("primary",), primary=_choice(_ENDPOINTS), secondary=_some(_ENDPOINTS)),
            populations=_object(
                ("main",),
                main=_choice(_SETS),
                sensitivity=_some(_SETS),
                per_protocol=_object(ARMS, **dict.fromkeys(ARMS, _KEPT)),
            ),
            subgroups=_object(("by", "endpoints"), by=_some(tuple(SUBGROUPS)), endpoints=_some(_ENDPOINTS)),
            adjustment=_object(covariates=_some(COVARIATES), cluster=_choice(("site",))),
            compliance=_object(("exposure",), exposure=_choice(FACTS)),
            time_to=_some(tuple(TIMED)),
            baseline=_object(("tests",), tests={"type": "boolean"}),
            uptake=_object(("predictors",), predictors=_some([c.key for c in PREDICTORS])),
            methods=_object(
                odds_ratio=_choice(ODDS_RATIOS),
                risk_ratio=_choice(RISK_RATIOS),
                risk_difference=_choice(RISK_DIFFERENCES),
                test=_choice(TESTS),
                interaction=_choice(INTERACTIONS),
            ),
            missing=_object(("rule",), rule=_choice(tuple(MISSING)), best_and_worst={"type": "boolean"}),
            interim=_object(
                ("information", "spending", "alpha"),
                information={
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 10,
                    "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                },
                spending=_choice(SPENDING),
                alpha={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                people={"type": "integer", "minimum": 2},
            ),
            notes={"type": "array", "items": {"type": "string", "maxLength": 2000}, "maxItems": 50},
        ),
    }
)


def read(text: str) -> Plan:
    """Return the plan that a YAML text declares. Raises PlanError with every fault and its place."""
    if len(text) > LARGEST:
        raise PlanError([f"A plan has at most {LARGEST:,} characters; this text has {len(text):,}."])
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise PlanError([f"This is no YAML: {_place(fault)}."]) from None
    if faults := sorted(Draft202012Validator(SCHEMA).iter_errors(told), key=lambda e: list(map(str, e.path))):
        raise PlanError([_sentence(fault) for fault in faults])
    plan = _plan(told)
    if problems := list(_contradictions(plan)):
        raise PlanError(problems)
    return plan


def sha256_of(text: str) -> str:
    """Return the hash of a plan's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _plan(told: Mapping[str, Any]) -> Plan:
    sets, groups = told["populations"], told.get("subgroups", {})
    adjustment, looks = told.get("adjustment", {}), told.get("interim")
    return Plan(
        title=told["title"],
        primary=told["endpoints"]["primary"],
        secondary=tuple(told["endpoints"].get("secondary", ())),
        population=sets["main"],
        sensitivity=tuple(sets.get("sensitivity", ())),
        per_protocol=_per_protocol(sets.get("per_protocol")),
        subgroups=tuple(groups.get("by", ())),
        subgroup_endpoints=tuple(groups.get("endpoints", ())),
        covariates=tuple(adjustment.get("covariates", ())),
        cluster=adjustment.get("cluster"),
        exposure=told.get("compliance", {}).get("exposure"),
        timed=tuple(told.get("time_to", ())),
        baseline_tests=told.get("baseline", {}).get("tests", False),
        predictors=tuple(told.get("uptake", {}).get("predictors", ())),
        methods=Methods(**told.get("methods", {})),
        missing=told["missing"]["rule"],
        best_and_worst=told["missing"].get("best_and_worst", False),
        interim=Interim(**looks | {"information": tuple(looks["information"])}) if looks else None,
        notes=tuple(told.get("notes", ())),
    )


def _per_protocol(told: Mapping[str, Any] | None) -> Mapping[Arm, Kept] | None:
    if told is None:
        return None
    return {arm: Kept(**{name: tuple(facts) for name, facts in told[arm].items()}) for arm in get_args(Arm)}


def _contradictions(plan: Plan) -> Iterator[str]:
    if plan.primary in plan.secondary:
        yield "endpoints: the primary endpoint is among the secondary ones; name it once."
    if plan.population in plan.sensitivity:
        yield "populations: the main population is among the sensitivity analyses; name it once."
    if PER_PROTOCOL in (plan.population, *plan.sensitivity) and plan.per_protocol is None:
        yield "populations: say under per_protocol who of each arm kept to the protocol."
    if unknown := [key for key in plan.subgroup_endpoints if key not in plan.endpoints]:
        yield f"subgroups: {', '.join(unknown)} is no endpoint of this plan; add it there first."
    if plan.interim:
        try:
            check_information(plan.interim.information)
            check_alpha(plan.interim.alpha)
        except BadDesign as fault:
            yield f"interim: {fault}"


def _sentence(fault: ValidationError) -> str:
    place = ".".join(map(str, fault.path)) or "the plan"
    if isinstance(known := fault.validator_value, list) and fault.validator == "enum":
        return f"{place}: {fault.instance!r} is not known; choose from {', '.join(map(str, known))}."
    return f"{place}: {fault.message}."


def _place(fault: yaml.YAMLError) -> str:
    mark = getattr(fault, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return where + (getattr(fault, "problem", None) or "it can't be read")
