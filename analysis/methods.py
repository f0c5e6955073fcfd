"""The estimators and tests a plan may choose, by the names that plans, commands and answers use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from analysis.estimators import (
    Estimate,
    TwoByTwo,
    exact_conditional,
    odds_ratio,
    risk_difference,
    risk_ratio,
    score_risk_ratio,
)
from analysis.exact_tests import boschloo, mid_p
from analysis.firth import firth_odds_ratio
from analysis.significance import PValue, fisher, pearson

Estimator = Callable[[TwoByTwo], Estimate]
Test = Callable[[TwoByTwo], PValue]


def _cells(test: Callable[..., PValue]) -> Test:
    return lambda table: test([table.cells[:2], table.cells[2:]])


# Woolf's and the log interval do not exist beside an empty cell: there the estimators say what they give instead.
ODDS_RATIOS: Mapping[str, Estimator] = MappingProxyType(
    {"woolf": odds_ratio, "exact_conditional": exact_conditional, "firth": firth_odds_ratio}
)
RISK_RATIOS: Mapping[str, Estimator] = MappingProxyType(
    {
        "log": risk_ratio,
        "koopman": partial(score_risk_ratio, corrected=False),
        "miettinen_nurminen": score_risk_ratio,
    }
)
RISK_DIFFERENCES: Mapping[str, Estimator] = MappingProxyType(
    {
        "miettinen_nurminen": lambda table: risk_difference(table).miettinen_nurminen,
        "newcombe": lambda table: risk_difference(table).newcombe,
        "wald": lambda table: risk_difference(table).wald,
    }
)
TESTS: Mapping[str, Test] = MappingProxyType(
    {
        "pearson": _cells(partial(pearson, yates=False)),
        "pearson_yates": _cells(partial(pearson, yates=True)),
        "fisher": _cells(fisher),
        "mid_p": mid_p,
        "boschloo": boschloo,
    }
)
INTERACTIONS = ("wald", "likelihood_ratio")


@dataclass(frozen=True)
class Methods:
    """Which of the estimators and tests a table prints."""

    odds_ratio: str = "woolf"
    risk_ratio: str = "log"
    risk_difference: str = "miettinen_nurminen"
    test: str = "pearson"
    interaction: str = "wald"
