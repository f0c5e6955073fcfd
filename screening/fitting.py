"""The demonstration's risk score: a logistic model fitted to made-up people.

Nobody in the data exists and the outcome follows from numbers that we chose, so the score shows how such a test is
registered and run, and says nothing about any person. It is not FRAX, OST or any other published score.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import statsmodels.api as sm
from numpy.random import Generator
from numpy.typing import NDArray

from screening.evaluation import auc_interval, youden_threshold
from screening.manifests import Format, Manifest, write_model
from screening.reference import STUDIES, Entry, reference_of
from screening.risk_scores import ARCHITECTURE, COVARIATES_VERSION, NO, YES, Coefficients, RiskScore
from trial.protocol_parts import ScoreKind

PEOPLE = 4000
LIMITS = {"age": ("40", "110"), "bmi": ("12", "60")}
# What we chose: how frequent each risk factor is, and what it adds to the log odds.
FACTORS = {
    "fracture": (0.18, 0.7),
    "glucocorticoids": (0.05, 0.6),
    "rheumatoid_arthritis": (0.03, 0.4),
    "secondary_osteoporosis": (0.06, 0.5),
}
FEMALE, AGE, BMI, INTERCEPT = 1.3, 0.07, -0.09, -4.6
WORDS = {"sex": ("female", "male")} | dict.fromkeys(FACTORS, (YES, NO))


@dataclass(frozen=True)
class People:
    """Made-up people: a column a term (n, terms), in the order of `_terms`, and who has osteoporosis (n,)."""

    columns: NDArray[np.float64]
    positive: NDArray[np.bool_]

    @classmethod
    def draw(cls, rng: Generator, count: int) -> "People":
        """Draw people and their outcomes."""
        age = rng.integers(40, 96, count)
        bmi = np.clip(rng.normal(24.5, 3.8, count), 13, 55).round(1)
        yes_or_no = [rng.random(count) < share for share in (0.55, *(share for share, _ in FACTORS.values()))]
        columns = np.column_stack([age, bmi, *yes_or_no]).astype(np.float64)
        chosen = np.array([AGE, BMI, FEMALE, *(adds for _, adds in FACTORS.values())])
        odds = np.exp(INTERCEPT + columns @ chosen)
        return cls(columns, rng.random(count) < odds / (1 + odds))


def _terms() -> list[tuple[str, str | None]]:
    return [("age", None), ("bmi", None), ("sex", "female"), *((name, YES) for name in FACTORS)]


def _entries(people: People) -> list[Entry]:
    """Return people as reference studies; of the last two something is not known, or out of bounds."""
    found: list[Entry] = [{"covariates": _facts(row)} for row in people.columns[: STUDIES - 2]]
    known = found[0]["covariates"]
    return [*found, {"covariates": known | {"bmi": None}}, {"covariates": known | {"age": "20"}}]


def _facts(row: NDArray[np.float64]) -> dict[str, str]:
    factors = {name: YES if said else NO for name, said in zip(FACTORS, row[3:], strict=True)}
    return {"age": str(int(row[0])), "bmi": str(row[1]), "sex": "female" if row[2] else "male"} | factors


def fit(path: Path, *, seed: int) -> Manifest:
    """Fit the score to made-up people, try it on others, and write it with its manifest and reference studies."""
    rng = np.random.default_rng(seed)
    people, others = People.draw(rng, PEOPLE), People.draw(rng, PEOPLE)
    design = sm.add_constant(people.columns)
    fitted = sm.Logit(people.positive.astype(float), design).fit(disp=False)
    intercept, *adds = (f"{value:.6f}" for value in fitted.params)
    terms = [
        {"covariate": name, "coefficient": coefficient} | ({"level": level} if level else {})
        for (name, level), coefficient in zip(_terms(), adds, strict=True)
    ]
    content = {"intercept": intercept, "terms": terms, "limits": LIMITS, "words": WORDS}
    auc, lower, upper = auc_interval(fitted.predict(sm.add_constant(others.columns)), others.positive)
    facts = _described(seed, people, youden_threshold(fitted.predict(design), people.positive)) | {
        "performance": {
            "auc": round(auc, 4),
            "interval_95": [round(lower, 4), round(upper, 4)],
            "interval_method": "DeLong 1988",
            "people": PEOPLE,
            "positive": int(others.positive.sum()),
        }
    }
    name, _, version = path.stem.rpartition("-")
    facts |= {"name": name, "version": version}
    score = RiskScore(Manifest(sha256="", reference_sha256="", **facts), Coefficients.read(content))
    data = json.dumps(content, indent=1).encode() + b"\n"
    return write_model(path, data, reference_of(score, _entries(others)), **facts)


def _described(seed: int, people: People, threshold: float) -> dict[str, Any]:
    ill = int(people.positive.sum())
    return {
        "kind": ScoreKind.COVARIATES,
        "format": Format.COEFFICIENTS,
        "architecture": ARCHITECTURE,
        "width": None,
        "pixels": None,
        "preprocessing": COVARIATES_VERSION,
        "calibration": None,
        "threshold": threshold,
        "threshold_rule": "probability >= threshold; Youden's index on the people it was fitted to",
        "training_data": f"{PEOPLE} made-up people, {ill} with osteoporosis; seed {seed}",
        "intended_use": "Demonstration only. Fitted to made-up people; says nothing about any person.",
        "license": "MIT, as the project",
    }
