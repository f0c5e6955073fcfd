"""Seconds for the whole report of the replay, against one statsmodels GLM for each odds ratio in it."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial

import numpy as np
import statsmodels.api as sm

from analysis.consort import Intake
from analysis.effects import ENDPOINTS, Effect, Event
from analysis.services.reports import Report, make_report
from analysis.subjects import SubjectRow
from config.opscan_replay.reconstruction import build, read
from tests.analysis import published
from tests.bench.measuring import Bench, Pair, timed
from tests.config.replay_rows import subject_rows

ROUNDS = 6
AGREED = 1e-6  # relative difference between the two odds ratios


def fitted(rows: Sequence[SubjectRow], happened: Event) -> float:
    """Fit one logistic regression on individual rows and return its odds ratio."""
    outcome = np.array([happened(row) for row in rows], dtype=float)
    arm = np.array([row.arm == "screening" for row in rows], dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an arm without any event has no finite odds ratio
        model = sm.GLM(outcome, sm.add_constant(arm), family=sm.families.Binomial())
        found = model.fit(tol=1e-12, maxiter=100)
        found.conf_int()
    return float(np.exp(found.params[1]))


def plain_report(rows: Sequence[SubjectRow], report: Report) -> None:
    """Compute every odds ratio of the report with its interval, and compare it with the report's."""
    randomized = [row for row in rows if row.arm]
    for effect, endpoint in zip(report.effects, ENDPOINTS, strict=True):
        _agree(effect, fitted(randomized, endpoint.happened))
    for group in report.subgroups:
        for effect, level in zip(group.levels, group.subgroup.levels, strict=True):
            _agree(effect, fitted([r for r in randomized if level.includes(r)], group.endpoint.happened))


def _agree(effect: Effect, plain: float) -> None:
    ours = effect.odds_ratio.value
    if ours and np.isfinite(ours) and abs(plain / ours - 1) > AGREED:
        raise AssertionError(f"{effect.label}: our odds ratio is {ours}, that of the GLM {plain}.")


def pairs() -> Iterator[Pair]:
    """Yield the same pair several times: the report of 40,658 people, and its odds ratios by GLM."""
    rows = subject_rows(build(read(published.PATH)))
    films = sum(row.films_counted for row in rows)
    intake = Intake(films, films)
    report = make_report(rows, intake)
    for _ in range(ROUNDS):
        yield (
            partial(timed, partial(make_report, rows, intake)),
            partial(timed, partial(plain_report, rows, report)),
        )


BENCHES = (
    Bench(
        title="The whole report of the replay, 40,658 people",
        unit="seconds",
        ours="`analysis.services.make_report`",
        peer="only its 20 odds ratios with intervals, each by a statsmodels GLM on the individual rows",
        pairs=pairs,
        inverse=True,
    ),
)
SETTING = nullcontext
