"""A risk score of facts alone: log odds summed up from age, sex, BMI and risk factors, in a file of coefficients.

It stands behind the same interface as the network that reads films. All arithmetic is decimal, so that every
machine gives the same digits. What is not known is no "no": without it there is no probability, and the reason says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from screening.index_test import Answer, Covariate, Measurement, Study
from screening.manifests import (
    Format,
    Manifest,
    ModelRefused,
    calibrated,
    check_fits,
    content_path,
    from_log_odds,
    read_content,
    read_manifest,
)
from trial.protocol_parts import ScoreKind

ARCHITECTURE = "logistic/1"
COVARIATES_VERSION = "participant-covariates/1"  # how `services.covariates` words what is on record
YES, NO = "yes", "no"


@dataclass(frozen=True)
class Term:
    """What a covariate adds to the log odds: a number for each unit, or one number where it is `level`."""

    covariate: str
    coefficient: Decimal
    level: str | None = None

    def adds(self, value: Covariate) -> Decimal:
        """Return what this value adds."""
        if self.level is not None:
            return self.coefficient if value == self.level else Decimal(0)
        return self.coefficient * Decimal(value or 0)


@dataclass(frozen=True)
class Coefficients:
    """A fitted score: what it asks for, within which limits or among which words, and what each adds."""

    intercept: Decimal
    terms: tuple[Term, ...]
    limits: Mapping[str, tuple[Decimal, Decimal]]
    words: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Coefficients":
        """Read plain values."""
        return cls(
            Decimal(values["intercept"]),
            tuple(Term(t["covariate"], Decimal(t["coefficient"]), t.get("level")) for t in values["terms"]),
            {name: (Decimal(low), Decimal(high)) for name, (low, high) in values["limits"].items()},
            {name: tuple(known) for name, known in values["words"].items()},
        )

    def faults(self) -> list[str]:
        """Return what can't be used: numbers that are none, terms on covariates without limits or words."""
        bounds = (bound for pair in self.limits.values() for bound in pair)
        numbers = [self.intercept, *(term.coefficient for term in self.terms), *bounds]
        found = [f"{number} is no number" for number in numbers if not number.is_finite()]
        for term in self.terms:
            known = self.limits if term.level is None else self.words
            if term.covariate not in known or (term.level and term.level not in self.words[term.covariate]):
                found.append(
                    f"term {term.covariate} {term.level or ''} has no limits or words".replace("  ", " ")
                )
        return found

    def reason_against(self, name: str, value: Covariate) -> str | None:
        """Say why a value can't be used, or nothing."""
        if value is None or value == "":
            return f"{_words(name)} is not known."
        if name in self.words:
            known = self.words[name]
            return None if value in known else f"{_words(name)} is {value}, not {' or '.join(known)}."
        low, high = self.limits[name]
        if not isinstance(value, Decimal) or not value.is_finite() or not low <= value <= high:
            return f"{_words(name)} is {value}; the score is for {low} to {high}."
        return None


class RiskScore:
    """Coefficients ready to be asked, with the manifest that vouches for them."""

    def __init__(self, manifest: Manifest, coefficients: Coefficients) -> None:
        self.manifest, self.coefficients = manifest, coefficients

    def run(self, study: Study) -> Answer:
        """Sum the log odds up; with anything missing or out of bounds there is no probability."""
        fitted, facts = self.coefficients, study.covariates
        asked = [*fitted.limits, *fitted.words]
        if reasons := tuple(r for name in asked if (r := fitted.reason_against(name, facts.get(name)))):
            return Answer(None, reasons=reasons)
        log_odds = fitted.intercept + sum(term.adds(facts[term.covariate]) for term in fitted.terms)
        measured = Measurement("log odds", log_odds.quantize(Decimal("0.000001")))
        return Answer(calibrated(self.manifest, from_log_odds(log_odds)), (measured,))


def read_risk_score(path: Path) -> RiskScore:
    """Read the score of a manifest; its coefficients lie beside it as `.coefficients.json`."""
    manifest = read_manifest(path)
    check_fits(
        manifest,
        kind=ScoreKind.COVARIATES,
        format=Format.COEFFICIENTS,
        architecture=ARCHITECTURE,
        preprocessing=COVARIATES_VERSION,
        pixels=None,
        width=None,
    )
    data = content_path(path, manifest)
    try:
        coefficients = Coefficients.read(json.loads(read_content(data, manifest.sha256)))
        faults = coefficients.faults()
    except ModelRefused:
        raise
    except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
        raise ModelRefused(f"{data.name} holds no coefficients: {type(error).__name__}.") from error
    if faults:
        raise ModelRefused(f"{data.name} can't be used: {'; '.join(faults)}.")
    return RiskScore(manifest, coefficients)


def _words(name: str) -> str:
    words = name.replace("_", " ")
    return words.upper() if words == "bmi" else words[0].upper() + words[1:]
