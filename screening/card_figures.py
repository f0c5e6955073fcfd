"""The figures of a model card as SVG: the same predictions give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from screening.evaluation import FEWEST, Labels, Scores, proportion
from screening.training import Judged

STABLE: dict[Any, Any] = {"svg.hashsalt": "screentrial", "svg.fonttype": "none", "font.size": 9}
ILL, WELL = "#a5410f", "#2f6fa1"
BINS = 8


def figures(judged: Judged, groups: Sequence[Mapping[str, Any]], threshold: float) -> dict[str, bytes]:
    """Draw what the predictions allow: ROC curve and scores always, the others where enough films are."""
    positive = judged.films.positive
    drawn = {
        "roc": _drawn(lambda ax: _roc(ax, judged.scores, positive), "Receiver operating characteristic"),
        "scores": _drawn(
            lambda ax: _histogram(ax, judged.probabilities, positive, threshold), "Calibrated scores"
        ),
    }
    if min(positive.sum(), (~positive).sum()) >= FEWEST:
        drawn["calibration"] = _drawn(
            lambda ax: _calibration(ax, judged.probabilities, positive), "Calibration"
        )
    known = [group for group in groups if group["auc"]]
    if known:
        drawn["subgroups"] = _drawn(lambda ax: _forest(ax, known), "AUC by group")
    return drawn


def _drawn(draw: Any, title: str) -> bytes:
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(4.6, 4.0), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        draw(axes)
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Title": title})
    return out.getvalue()


def _roc(ax: Axes, scores: Scores, positive: Labels) -> None:
    cuts = np.concatenate([[np.inf], np.unique(scores)[::-1]])
    hits = [float((scores[positive] >= cut).mean()) for cut in cuts]
    alarms = [float((scores[~positive] >= cut).mean()) for cut in cuts]
    ax.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle=":")
    ax.plot(alarms, hits, color=WELL)
    ax.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.02))


def _histogram(ax: Axes, probabilities: Scores, positive: Labels, threshold: float) -> None:
    sides = [probabilities[~positive], probabilities[positive]]
    ax.hist(sides, bins=20, range=(0, 1), stacked=True, color=[WELL, ILL], label=["without", "with"])
    ax.axvline(threshold, color="#333333", linewidth=0.8, linestyle="--")
    ax.set(xlabel=f"score; threshold {threshold}", ylabel="films")
    ax.legend(title="osteoporosis", frameon=False)


def _calibration(ax: Axes, probabilities: Scores, positive: Labels) -> None:
    """Draw the observed share in groups of about equal size against the mean that was predicted."""
    ordered = np.argsort(probabilities, kind="stable")
    ax.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle=":")
    for some in np.array_split(ordered, min(BINS, len(ordered) // FEWEST)):
        share, lower, upper = proportion(positive[some]) or (0, 0, 0)
        ax.errorbar(
            probabilities[some].mean(),
            share,
            [[max(0, share - lower)], [max(0, upper - share)]],
            fmt="o",
            color=WELL,
            markersize=4,
        )
    ax.set(xlabel="predicted", ylabel="observed, 95 % interval", xlim=(0, 1), ylim=(0, 1.02))


def _forest(ax: Axes, groups: Sequence[Mapping[str, Any]]) -> None:
    for row, group in enumerate(reversed(groups)):
        auc, lower, upper = group["auc"]
        ax.errorbar(auc, row, xerr=[[auc - lower], [upper - auc]], fmt="s", color=WELL, markersize=4)
    labels = [f"{g['by']}: {g['group']} ({g['positive']} of {g['films']})" for g in reversed(groups)]
    ax.set_yticks(range(len(groups)), labels)
    ax.axvline(0.5, color="#999999", linewidth=0.8, linestyle=":")
    ax.set(xlabel="AUC, 95 % interval", xlim=(0, 1.02), ylim=(-0.6, len(groups) - 0.4))
