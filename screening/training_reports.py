"""Train, say honestly what came out, and write weights with a manifest if asked."""

from pathlib import Path
from typing import Any

import numpy as np

from screening.inference import save_model
from screening.networks import OpscanResNet18
from screening.training import (
    Films,
    Labels,
    Recipe,
    Tick,
    auc_interval,
    auc_of,
    cross_validate,
    film_scores,
    fold_numbers,
    train,
    youden_threshold,
)
from screening.training_sets import labeled_films, origin_of, phantom_films, phantom_scores

TEST_FILMS = 400
FEWEST = 20
THRESHOLD_RULE = "film mean >= threshold; Youden's index on the tuning films"
DEMONSTRATION = "Demonstration only. Trained on synthetic pictures; says nothing about any person."
RESEARCH = "Research only. Not validated; must not guide care."
LICENSE_OF = {DEMONSTRATION: "MIT, as the project", RESEARCH: "none given; ask whoever owns the films"}

Report = dict[str, Any]


def _performance(scores: np.ndarray, positive: Labels) -> Report:
    """Describe the AUC with its interval and what it rests on."""
    auc, lower, upper = auc_interval(scores, positive)
    return {
        "auc": round(auc, 4),
        "interval_95": [round(lower, 4), round(upper, 4)],
        "interval_method": "DeLong 1988",
        "films": len(positive),
        "positive": int(positive.sum()),
    }


def train_on_phantoms(count: int, recipe: Recipe, out: Path | None, tick: Tick) -> Report:
    """Train on `count` phantoms, tune on a quarter as many others, test on 400 never seen."""
    if count < FEWEST:
        raise ValueError(f"Phantoms must number at least {FEWEST} to hold both outcomes, not {count}.")
    seed = recipe.seed * 10
    films, tuning = phantom_films(count, seed), phantom_films(max(count // 4, 40), seed + 1)
    network, aucs = train(films, tuning, recipe, tick)
    threshold = youden_threshold(film_scores(network, tuning.images), tuning.positive)
    scores, brightness, positive = phantom_scores(network, TEST_FILMS, seed + 2)
    report = _performance(scores, positive) | {
        "sensitivity": round(float((scores[positive] >= threshold).mean()), 4),
        "specificity": round(float((scores[~positive] < threshold).mean()), 4),
        "positive_share": round(float((scores >= threshold).mean()), 4),
        "mean_intensity_auc": round(auc_of(-brightness, positive), 4),
        "epochs": len(aucs),
    }
    described = (
        f"{count} synthetic chest phantoms, {films.positive.sum()} with osteoporosis; seed {recipe.seed}"
    )
    return _written(out, network, threshold, described, DEMONSTRATION, report)


def train_on_images(
    folder: Path, labels: Path, folds: int, recipe: Recipe, out: Path | None, tick: Tick
) -> Report:
    """Cross-validate on labeled films; with `out`, train once more, one fold kept to tune, and write that."""
    films = labeled_films(folder, labels)
    scores, numbers = cross_validate(films, folds, recipe, tick)
    by_fold = [auc_of(scores[numbers == f], films.positive[numbers == f]) for f in range(folds)]
    report = _performance(scores, films.positive) | {
        "labels": origin_of(labels),
        "folds": folds,
        "fold_aucs": [round(auc, 4) for auc in by_fold],
        "mean_fold_auc": round(float(np.mean(by_fold)), 4),
        "note": "Each film was scored by a network that never saw it, in training or tuning. The interval is "
        "that of the pooled scores; it leaves out that another training gives other networks.",
    }
    return _final(films, folds, recipe, report, tick, out, labels.name) if out else report


def _final(
    films: Films, folds: int, recipe: Recipe, report: Report, tick: Tick, out: Path, source: str
) -> Report:
    """Train the network that is written; the AUC in its manifest is the cross-validated one of the recipe."""
    kept = fold_numbers(films.positive, folds, recipe.seed) == 0
    tuning = films.subset(kept)
    network, _ = train(films.subset(~kept), tuning, recipe, tick)
    threshold = youden_threshold(film_scores(network, tuning.images), tuning.positive)
    described = (
        f"{len(films.positive)} films of {source}, {films.positive.sum()} positive; seed {recipe.seed}"
    )
    described += f". Labels: {report['labels']}"
    return _written(out, network, threshold, described, RESEARCH, report)


def _written(
    out: Path | None, network: OpscanResNet18, threshold: float, described: str, use: str, report: Report
) -> Report:
    """Write weights and manifest if asked, and add to the report what they are called and worth."""
    if out is None:
        return report | {"threshold": threshold}
    name, _, version = out.stem.rpartition("-")
    manifest = save_model(
        network,
        out.with_suffix(".json"),
        name=name or out.stem,
        version=version if name else "1",
        threshold=threshold,
        threshold_rule=THRESHOLD_RULE,
        training_data=described,
        intended_use=use,
        license=LICENSE_OF[use],
        performance=report,
    )
    return report | {
        "threshold": threshold,
        "written": str(out.with_suffix(".json")),
        "sha256": manifest.sha256,
    }


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
