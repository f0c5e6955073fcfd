"""A statistical analysis plan in sentences, as a reader signs it."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import NamedTuple

from analysis.characteristics import BASELINE, PREDICTORS
from analysis.effects import ENDPOINTS, SUBGROUPS
from analysis.plan import MISSING, Plan
from analysis.subjects import LABELS

METHODS: Mapping[str, str] = {
    "woolf": "ad/bc with Woolf's interval",
    "exact_conditional": "ad/bc with the exact conditional interval",
    "firth": "Firth's penalized likelihood",
    "log": "an interval on the log scale (Katz)",
    "koopman": "Koopman's score interval",
    "miettinen_nurminen": "Miettinen and Nurminen's score interval",
    "newcombe": "Newcombe's hybrid score interval",
    "wald": "Wald's interval",
}
TESTS: Mapping[str, str] = {
    "pearson": "Pearson's chi-square without correction",
    "pearson_yates": "Pearson's chi-square with Yates' correction",
    "fisher": "Fisher's exact test",
    "mid_p": "Fisher's test with the mid-p value",
    "boschloo": "Boschloo's exact test",
}
INTERACTIONS: Mapping[str, str] = {
    "wald": "Wald's chi-square",
    "likelihood_ratio": "the likelihood ratio chi-square",
}
SPENDING: Mapping[str, str] = {"obrien-fleming": "O'Brien-Fleming", "pocock": "Pocock"}
SOFTWARE = ("NumPy", "SciPy", "statsmodels", "Matplotlib")
ENDPOINT_LABELS = {endpoint.key: endpoint.label for endpoint in ENDPOINTS}
VARIABLE_LABELS = {variable.key: variable.label for variable in (*BASELINE, *PREDICTORS)}


class Section(NamedTuple):
    """A heading and its sentences, and what in them somebody wrote or numbered: no words of the report."""

    title: str
    sentences: tuple[str, ...]
    data: tuple[str, ...] = ()


def prose(plan: Plan) -> list[Section]:
    """Return the plan in sections of sentences, in the order of ICH E9."""
    sections = {
        "Endpoints": _endpoints(plan),
        "Populations": _populations(plan),
        "Methods": _methods(plan),
        "Subgroups": _subgroups(plan),
        "Adjusted analyses": _adjusted(plan),
        "Compliance": _compliance(plan),
        "Missing outcomes": _missing(plan),
        "Baseline and uptake": _baseline(plan),
        "Interim looks": _interim(plan),
    }
    told = [Section(title, found) for title, said in sections.items() if (found := tuple(said))]
    return [*told, Section("Notes", plan.notes, plan.notes)] if plan.notes else told


def methods_text(plan: Plan, *, planned: bool, code_version: str) -> list[Section]:
    """Return how a report was made, in sentences: what was planned, and by which software it was computed."""
    why = () if planned else ("No plan was signed before the arms were known: all of this is post hoc.",)
    versions = {name: version(name.lower()) for name in SOFTWARE}
    used = listed(f"{name} {number}" for name, number in versions.items())
    python = platform.python_version()
    said = f"Computed by Screentrial {code_version} with Python {python}, {used}."
    first = [Section("Plan", why)] if why else []
    return [*first, *prose(plan), Section("Software", (said,), (code_version, python, *versions.values()))]


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _endpoints(plan: Plan) -> Iterator[str]:
    yield f"The primary endpoint is: {ENDPOINT_LABELS[plan.primary]}."
    if plan.secondary:
        yield f"Secondary endpoints are: {_labels(plan.secondary, ENDPOINT_LABELS)}."
        yield "No correction is made for several endpoints; the primary one alone is tested for the trial's claim."
    if plan.timed:
        yield (
            f"The time from randomization to {_labels(plan.timed, ENDPOINT_LABELS)} is described by Kaplan and "
            "Meier's curves and compared by the log-rank test and Cox's model."
        )


def _populations(plan: Plan) -> Iterator[str]:
    main = plan.analysis_set(plan.population)
    yield f"The main population is {main.label.lower()}: {main.definition}."
    for name in plan.sensitivity:
        other = plan.analysis_set(name)
        yield f"The primary endpoint is also compared in: {other.label.lower()}, {other.definition}."


def _methods(plan: Plan) -> Iterator[str]:
    chosen = plan.methods
    yield "Every estimate compares the screening arm with the control arm and has a two-sided 95 % interval."
    yield f"The odds ratio is {METHODS[chosen.odds_ratio]}."
    yield f"The risk ratio has {METHODS[chosen.risk_ratio]}; the risk difference {METHODS[chosen.risk_difference]}."
    yield f"The hypothesis that the arms do not differ is tested two-sided by {TESTS[chosen.test]}."
    yield (
        "Where an arm has no event, the limits are exact ones for the odds ratio and score limits for the risk ratio, "
        "and the report says so."
    )


def _subgroups(plan: Plan) -> Iterator[str]:
    if plan.subgroups:
        groups = listed(SUBGROUPS[key].label for key in plan.subgroups)
        yield f"Effects on {_labels(plan.subgroup_endpoints, ENDPOINT_LABELS)} are estimated by: {groups}."
        yield (
            f"Interaction is tested by {INTERACTIONS[plan.methods.interaction]}; the other of Wald's and the "
            "likelihood ratio test is given beside it."
        )


def _adjusted(plan: Plan) -> Iterator[str]:
    if plan.covariates:
        yield (
            "The odds ratio of the primary endpoint is also estimated by logistic regression, adjusted for "
            f"{_labels(plan.covariates, VARIABLE_LABELS)}."
        )
    if plan.cluster:
        yield f"Standard errors of that model are robust to clusters by {plan.cluster}."


def _compliance(plan: Plan) -> Iterator[str]:
    if plan.exposure:
        yield (
            f"The complier average causal effect takes “{LABELS[plan.exposure]}” as the exposure. It supposes that "
            "the allocation acts on the primary endpoint through this exposure alone (exclusion restriction) and "
            "that nobody is exposed because of being allocated to control."
        )


def _missing(plan: Plan) -> Iterator[str]:
    yield f"By rule, {MISSING[plan.missing]}."
    if plan.best_and_worst:
        yield (
            "Beside this stand two extremes for those who withdrew without the primary endpoint: all of them in the "
            "screening arm and none in the control arm had it, and the other way round."
        )


def _baseline(plan: Plan) -> Iterator[str]:
    yield "Baseline characteristics are described by arm, with standardized differences."
    if plan.baseline_tests:
        yield (
            "They are tested by Pearson's chi-square without correction, Fisher's exact test where an expected count "
            "is below 5 (of more than two levels that of Freeman and Halton; where too many tables are possible, "
            "Pearson's is kept and marked), and the t test with equal variances. These values describe balance and "
            "test nothing."
        )
    else:
        yield "They are not tested: in a randomized trial differences are due to chance."
    if plan.predictors:
        yield f"In the screening arm, uptake is described by {_labels(plan.predictors, VARIABLE_LABELS)}."


def _interim(plan: Plan) -> Iterator[str]:
    if plan.interim:
        shares = listed(f"{100 * share:g} %" for share in plan.interim.information)
        yield (
            f"The data are looked at with {shares} of the information; the two-sided error of "
            f"{plan.interim.alpha:g} is spent after Lan and DeMets by a function of the "
            f"{SPENDING[plan.interim.spending]} type."
        )
        if plan.interim.people:
            yield f"All of the information is that of {plan.interim.people} people in both arms."
    else:
        yield "There is no interim comparison of the arms."


def _labels(keys: Sequence[str], labels: Mapping[str, str]) -> str:
    return listed(labels[key] for key in keys)
