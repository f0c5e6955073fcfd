"""Run a plan: train, say honestly what came out, and write weights, manifest and model card if asked.

Of real films every one is scored by a network that saw none of its owner's. Those scores feed the calibration and
the threshold of the model that is written; what is reported of both was found with each fold left out in turn, so no
film is judged by a line or a threshold that its own outcome helped to choose.
"""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening import model_cards
from screening.checkpoints import write_whole
from screening.evaluation import (
    Labels,
    Line,
    Scores,
    auc_interval,
    auc_of,
    calibration,
    fitted_line,
    of_t_scores,
    proportion,
    youden_threshold,
)
from screening.inference import save_model
from screening.manifests import DIGITS
from screening.networks import FilmNetwork
from screening.phantoms import OSTEOPOROSIS, SIZE
from screening.recipes import Recipe, Target
from screening.training import Films, Judged, Tick, cross_validate, film_scores, fold_numbers, train
from screening.training_sets import labeled_films, origin_of, phantom_films

TEST_FILMS = 400
FEWEST = 20
YOUDEN = "calibrated film mean >= threshold; Youden's index on films that the network did not learn from"
AT_BOUND = "calibrated film mean >= threshold; a predicted T-score of -2.5 or less"
DEMONSTRATION = "Demonstration only. Trained on synthetic pictures; says nothing about any person."
RESEARCH = "Research only. Not validated; must not guide care."
LICENSE_OF = {DEMONSTRATION: "MIT, as the project", RESEARCH: "none given; ask whoever owns the films"}
MADE_UP = "made up with the phantoms, whose bone density is known"
LEFT_OUT = (
    "Each film was scored by a network that never saw it or another film of its owner, in training or tuning. "
    "Calibration and threshold of a fold come from the other folds. The intervals leave out that another training "
    "gives other networks."
)
OTHERS = "The films were made apart from those of training and tuning; the tuning films gave calibration and threshold."

Report = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is to be done: the recipe, the films, and where to write what."""

    recipe: Recipe
    phantoms: int | None = None
    images: Path | None = None
    labels: Path | None = None
    out: Path | None = None
    run: Path | None = None

    def write(self) -> None:
        """Write the plan into its folder, which must hold no other."""
        if self.run is None:
            return
        if (path := self.run / "run.json").exists():
            raise ValueError(f"{self.run} holds a run already. Go on with --resume, or name another folder.")
        said = {name: str(where.resolve()) for name in PLACES if (where := getattr(self, name))}
        facts = {"recipe": self.recipe.facts(), "phantoms": self.phantoms} | said
        write_whole(path, json.dumps(facts, indent=1).encode() + b"\n")

    @classmethod
    def read(cls, run: Path) -> "Plan":
        """Read the plan of a run that was stopped."""
        try:
            facts = json.loads((run / "run.json").read_text())
            places = {name: Path(facts[name]) for name in PLACES if name in facts}
            return cls(Recipe.of(facts["recipe"]), facts["phantoms"], run=run, **places)
        except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{run} holds no run to go on with: {error}.") from error

    def checkpoint(self, name: str) -> Path | None:
        """Return where a part of the run is written down."""
        return self.run / f"{name}.safetensors" if self.run else None

    @property
    def most_epochs(self) -> int:
        """Return how many epochs there are if no stage ends early."""
        trainings = 1 if self.phantoms is not None else self.recipe.folds + bool(self.model)
        return trainings * len(self.recipe.rates) * self.recipe.epochs

    @property
    def model(self) -> Path | None:
        """Return where the model is written: a run keeps one in its folder unless told otherwise."""
        return self.out or (self.run / "model-1" if self.run else None)


PLACES = ("images", "labels", "out")


def carry_out(plan: Plan, tick: Tick) -> Report:
    """Train what a plan says; return the report."""
    if plan.phantoms is not None:
        return train_on_phantoms(plan, plan.phantoms, tick)
    if plan.images is None or plan.labels is None:
        raise ValueError("--images needs --labels, the CSV that says which films are positive.")
    return train_on_images(plan, plan.images, plan.labels, tick)


def settled(scores: Scores, positive: Labels, target: str) -> tuple[Line | None, float]:
    """Return the line that calibrates, if one can be fitted, and the threshold on the scale it gives."""
    line = fitted_line(scores, positive)
    if target == Target.T_SCORE:
        threshold = float(applied(line, np.array([0.5]))[0])
    else:
        threshold = youden_threshold(applied(line, scores), positive)
    unit = 10.0**-DIGITS
    return line, min(max(threshold, unit), 1 - unit)


def applied(line: Line | None, scores: Scores) -> Scores:
    """Calibrate scores, or leave them as they come."""
    return line(scores) if line else scores


def train_on_phantoms(plan: Plan, count: int, tick: Tick) -> Report:
    """Train on `count` phantoms, tune on a quarter as many others, test on 400 never seen."""
    if count < FEWEST:
        raise ValueError(f"Phantoms must number at least {FEWEST} to hold both outcomes, not {count}.")
    recipe, seed = plan.recipe, plan.recipe.seed * 10
    films, tuning = phantom_films(count, seed), phantom_films(max(count // 4, 40), seed + 1)
    network, merits = train(films, tuning, recipe, tick, plan.checkpoint("final"))
    line, threshold = settled(film_scores(network, tuning.images), tuning.positive, recipe.target)
    test = phantom_films(TEST_FILMS, seed + 2, SIZE)
    scores = film_scores(network, test.images)
    probabilities = applied(line, scores)
    judged = Judged(
        test, scores, probabilities, probabilities >= threshold, np.zeros(len(scores), np.intp), OTHERS
    )
    brightness = np.array([image.mean() for image in test.images])
    report = _performance(judged, recipe) | {
        "labels": MADE_UP,
        "positive_share": round(float(judged.decided.mean()), 4),
        "mean_intensity_auc": round(auc_of(-brightness, test.positive), 4),
        "epochs": len(merits),
    }
    ill = films.positive.sum()
    described = f"{count} synthetic chest phantoms, {ill} with osteoporosis; seed {recipe.seed}"
    return _written(plan, network, line, threshold, described, DEMONSTRATION, report, judged)


def train_on_images(plan: Plan, folder: Path, labels: Path, tick: Tick) -> Report:
    """Cross-validate on labeled films; to write a model, train once more, one fold kept to tune."""
    films, recipe = labeled_films(folder, labels), plan.recipe
    scores, numbers = cross_validate(films, recipe, tick, plan.run)
    judged = _each_fold_left_out(films, scores, numbers, recipe.target)
    by_fold = [auc_of(scores[numbers == f], films.positive[numbers == f]) for f in range(recipe.folds)]
    report = _performance(judged, recipe) | {
        "labels": origin_of(labels),
        "folds": recipe.folds,
        "fold_aucs": [round(auc, 4) for auc in by_fold],
        "mean_fold_auc": round(float(np.mean(by_fold)), 4),
        "note": LEFT_OUT,
    }
    line, threshold = settled(scores, films.positive, recipe.target)
    if plan.model is None:
        return report | {"threshold": threshold}
    kept = fold_numbers(films.positive, recipe.folds, recipe.seed, films.participants) == 0
    network, _ = train(films.subset(~kept), films.subset(kept), recipe, tick, plan.checkpoint("final"))
    ill = films.positive.sum()
    described = f"{len(films.positive)} films of {labels.name}, {ill} positive; seed {recipe.seed}"
    described += f". Labels: {report['labels']}"
    return _written(plan, network, line, threshold, described, RESEARCH, report, judged)


def _each_fold_left_out(films: Films, scores: Scores, numbers: NDArray[np.intp], target: str) -> Judged:
    """Calibrate and decide each fold by what the others say."""
    probabilities, decided = np.empty_like(scores), np.empty(len(scores), bool)
    for fold in np.unique(numbers):
        here = numbers == fold
        line, threshold = settled(scores[~here], films.positive[~here], target)
        probabilities[here] = applied(line, scores[here])
        decided[here] = probabilities[here] >= threshold
    return Judged(films, scores, probabilities, decided, numbers, LEFT_OUT)


def _performance(judged: Judged, recipe: Recipe) -> Report:
    """Describe discrimination, calibration and decisions, with intervals and what they rest on."""
    positive = judged.films.positive
    auc, lower, upper = auc_interval(judged.scores, positive)
    fit = calibration(judged.probabilities, positive)
    found = {
        "auc": round(auc, 4),
        "interval_95": [round(lower, 4), round(upper, 4)],
        "interval_method": "DeLong 1988",
        "films": len(positive),
        "positive": int(positive.sum()),
        "sensitivity": proportion(judged.decided[positive]),
        "specificity": proportion(~judged.decided[~positive]),
        "calibration_slope": fit["slope"],
        "calibration_intercept": fit["intercept"],
        "brier": fit["brier"],
    }
    t_scores = judged.films.t_scores
    if recipe.target == Target.T_SCORE and t_scores is not None:
        found |= of_t_scores(judged.scores, t_scores, OSTEOPOROSIS)
    return found


def _written(
    plan: Plan,
    network: FilmNetwork,
    line: Line | None,
    threshold: float,
    described: str,
    use: str,
    report: Report,
    judged: Judged,
) -> Report:
    """Write model and card if asked, and add to the report what they are called and worth."""
    report = report | {"threshold": threshold}
    if plan.model is None:
        return report
    name, _, version = plan.model.stem.rpartition("-")
    path = plan.model.with_suffix(".json")
    manifest = save_model(
        network,
        path,
        name=name or plan.model.stem,
        version=version if name else "1",
        calibration={"slope": f"{line.slope:.6f}", "intercept": f"{line.intercept:.6f}"} if line else None,
        threshold=threshold,
        threshold_rule=AT_BOUND if plan.recipe.target == Target.T_SCORE else YOUDEN,
        training_data=described,
        intended_use=use,
        license=LICENSE_OF[use],
        performance={name: value for name, value in report.items() if name != "threshold"},
    )
    if plan.run:
        write_whole(plan.run / "predictions.csv", _predictions(judged))
        model_cards.write_card(plan.run, manifest, plan.recipe, judged)
    return report | {"written": str(path), "sha256": manifest.sha256}


def _predictions(judged: Judged) -> bytes:
    """Write what was said of each film, in the order of the list."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["film", "fold", "positive", "score", "probability", "decided"])
    columns = (
        judged.folds + 1,
        judged.films.positive.astype(int),
        judged.scores,
        judged.probabilities,
        judged.decided.astype(int),
    )
    lines.writerows((number, *row) for number, row in enumerate(zip(*columns, strict=True), 1))
    return out.getvalue().encode()


def in_words(report: Report) -> str:
    """Put a report into lines for people, the AUC with its interval first."""
    lower, upper = report["interval_95"]
    lines = [
        f"AUC {report['auc']:.3f} (95 % interval {lower:.3f} to {upper:.3f}, {report['interval_method']}), "
        f"{report['films']} films, {report['positive']} positive."
    ]
    told = {"auc", "interval_95", "interval_method", "films", "positive"}
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in report.items() if name not in told]
    return "\n".join(lines)
