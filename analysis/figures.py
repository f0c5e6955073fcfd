"""Forest plots and cascade bars as SVG bytes: the same input gives the same bytes.

The drawing has no background and takes its ink from the text around it (`currentColor`), so it can be read on
a light and on a dark page; styles become presentation attributes, which a strict content security policy
leaves alone.
"""

import io
import math
import re
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.figure import Figure

from analysis.accrual import Accrual
from analysis.cascades import Bar
from analysis.effects import Effect, SubgroupEffect
from analysis.estimators import Estimate
from analysis.formats import interval, mean_sd, p_equation, percent
from analysis.fracture_risk import RiskChange
from analysis.further import TimeToEvent
from analysis.significance import Mean
from analysis.subjects import ARM_CODES, ARMS
from analysis.survival import Times, kaplan_meier

INK = "#010203"  # stands for currentColor until the SVG is written
ACCENT = "#2f7fc1"  # 4.1:1 against white and 5.0:1 against black
PAPER = "#ffffff"
SHADES = (ACCENT, "#6f757f", "#a56f14", "#4b8558")  # white can be read on each
STABLE: dict[Any, Any] = {
    "svg.hashsalt": "screentrial",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
}
LABEL_FROM = 0.05  # a narrower segment has no room for its percentage
WIDTH, ROW = 5.5, 0.44  # inches: 396 points wide, so that text keeps its size on a phone
RIGHT = 1.66  # the right edge of the words, in widths of the axis


class Line(NamedTuple):
    """One line of a forest plot: a heading if it has no estimate."""

    label: str
    estimate: Estimate | None = None
    counts: str = ""
    indent: int = 0
    note: str = ""


def forest_of_effects(effects: Sequence[Effect]) -> bytes:
    """Draw the odds ratio of each endpoint (the shape of the paper's Figure 3)."""
    lines = [Line(found.label, found.odds_ratio, _counts(found), found.indent - 1) for found in effects]
    return forest(lines, title="Odds ratio of each endpoint, screening arm against control arm")


def forest_of_subgroups(found: Sequence[SubgroupEffect]) -> bytes:
    """Draw the odds ratios within subgroups, each endpoint with its interaction (the shape of Figure 4A)."""
    lines = []
    for outcome in found:
        test = p_equation(outcome.interaction.wald, "p for interaction")
        lines.append(Line(outcome.endpoint.label, note=test))
        lines += [Line(level.label, level.odds_ratio, _counts(level), 1) for level in outcome.levels]
    return forest(lines, title="Odds ratio within subgroups, screening arm against control arm")


def _counts(found: Effect) -> str:
    a, n, c, m = found.counts
    return f"{a}/{n} v {c}/{m}"


def forest(lines: Sequence[Line], *, title: str, axis: str = "Odds ratio") -> bytes:
    """Draw estimates with limits on a log axis; an arrow stands for a limit beyond the axis.

    Each line takes two rows, the words above and the drawing below, so that it can be read on a phone.
    """
    with mpl.rc_context(STABLE):
        height = 0.55 + ROW * len(lines)
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((0.03, 0.5 / height, 0.58, 1 - 0.55 / height))
        low, high = _range([line.estimate for line in lines if line.estimate])
        _prepare(axes, len(lines), low, high)
        axes.set_xlabel(f"{axis} (95% CI), log scale", color=INK)
        for row, line in enumerate(lines):
            _write(axes, row, line)
            if line.estimate:
                _draw(axes, row, line.estimate, low, high)
        return _svg(figure, title, "; ".join(map(_spoken, lines)))


def _range(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Choose whole powers of ten around the finite limits, and 1."""
    limits = [x for e in estimates for x in e[:3] if x is not None and 0 < x < math.inf] + [1.0]
    limits += [3 * e.low for e in estimates if e.value == math.inf and e.low]  # room for the arrow
    low, high = math.floor(math.log10(min(limits)) + 1e-9), math.ceil(math.log10(max(limits)) - 1e-9)
    return 10.0 ** min(low, -1), 10.0 ** max(high, 1)


def _prepare(axes: Axes, rows: int, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.tick_params(colors=INK)
    axes.yaxis.set_visible(False)
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(INK)


def _write(axes: Axes, row: int, line: Line) -> None:
    """Write the label and the counts above the drawing, and the estimate beside it."""
    place = axes.get_yaxis_transform()
    weight = "normal" if line.indent else "bold"
    write = partial(axes.text, transform=place, va="center", color=INK)
    write(0.03 * line.indent, row - 0.2, line.label, weight=weight)
    write(RIGHT, row - 0.2, line.counts or line.note, ha="right")
    if line.estimate:
        write(RIGHT, row + 0.22, interval(line.estimate), ha="right", weight=weight)


def _draw(axes: Axes, row: int, estimate: Estimate, low: float, high: float) -> None:
    """Draw one estimate. An undefined one leaves its line empty: the text beside it says so."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return
    left, right = max(estimate.low, low), min(estimate.high, high)
    axes.plot([1, 1], [row + 0.04, row + 0.4], color=INK, linewidth=0.8)
    axes.plot([left, right], [row + 0.22] * 2, color=ACCENT, linewidth=1.6, solid_capstyle="butt")
    if low <= estimate.value <= high:
        axes.plot([estimate.value], [row + 0.22], "s", color=ACCENT, markersize=5)
    for limit, end, marker in ((estimate.low, left, "<"), (estimate.high, right, ">")):
        if limit != end:
            axes.plot([end], [row + 0.22], marker, color=ACCENT, markersize=6, clip_on=False)


def _spoken(line: Line) -> str:
    text = interval(line.estimate) if line.estimate else line.note
    return f"{line.label}: {text}" + (f" ({line.counts})" if line.counts else "")


def cascade(bars: Sequence[Bar], *, title: str) -> bytes:
    """Draw bars of 100 %, their segments labeled with their share where there is room (Figures 2 and 5)."""
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(WIDTH, 0.85 * len(bars)))
        axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(len(bars) - 0.4, -0.5)
        for row, bar in enumerate(bars):
            _stack(axes, row, bar)
        spoken = (
            f"{bar.label} (n = {bar.n}): " + ", ".join(f"{p.label} {p.n}" for p in bar.segments)
            for bar in bars
        )
        return _svg(figure, title, "; ".join(spoken))


def _stack(axes: Axes, row: int, bar: Bar) -> None:
    axes.text(0, row - 0.32, f"{bar.label} (n = {bar.n})", va="center", color=INK, weight="bold")
    left = 0.0
    for place, (part, shade) in enumerate(zip(bar.segments, SHADES, strict=False)):
        width = part.n / bar.n if bar.n else 0.0
        axes.barh(row, width, left=left, height=0.32, color=shade)
        if width > LABEL_FROM:
            share = f"{percent(part.n, bar.n)}%"
            axes.text(left + width / 2, row, share, ha="center", va="center", color=PAPER, weight="bold")
        _name(axes, place % 3 / 3, row + 0.29 + 0.2 * (place // 3), shade, f"{part.label} {part.n}")
        left += width


def _name(axes: Axes, x: float, y: float, shade: str, text: str, **place: Any) -> None:
    axes.plot([x + 0.01], [y], "s", color=shade, markersize=6, clip_on=False, **place)
    axes.text(x + 0.03, y, text, va="center", color=INK, **place)


def boundaries(
    looks: Sequence[tuple[float, float | None]], *, title: str, seen: tuple[float, float] | None = None
) -> bytes:
    """Draw the z to reach at each information fraction, on either side, and the z that was seen."""
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(WIDTH, 3.2))
        axes = figure.add_axes((0.1, 0.14, 0.86, 0.82))
        _frame(axes)
        reached = [(t, z) for t, z in looks if z is not None]
        for sign in (1, -1):
            axes.plot(
                [t for t, _ in reached], [sign * z for _, z in reached], "o-", color=ACCENT, markersize=4
            )
        for t, z in reached:
            axes.annotate(f"{z:.3f}", (t, z), (0, 6), textcoords="offset points", ha="center", color=INK)
        if seen:
            axes.plot(*([number] for number in seen), "D", color=SHADES[2], markersize=6)
        spoken = "; ".join(f"information {t:g}: {'none' if z is None else f'{z:.4f}'}" for t, z in looks)
        return _svg(figure, title, spoken + (f"; seen at {seen[0]:g}: {seen[1]:g}" if seen else ""))


def _frame(axes: Axes) -> None:
    """Leave the axis of information at z = 0 between the two boundaries, and room for the words."""
    _plain(axes)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.margins(y=0.14)
    axes.set_xlim(0, 1.06)
    axes.set_xlabel("Information", color=INK)
    axes.set_ylabel("z", color=INK)


def incidences(found: Sequence[TimeToEvent]) -> bytes:
    """Draw, endpoint below endpoint, the share of each arm that has had it by each day (one less Kaplan-Meier)."""
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(WIDTH, 3.0 * max(len(found), 1)))
        spoken = []
        for place, timed in enumerate(found, 1):
            axes = figure.add_axes((0.1, 1 - (place - 0.17) / len(found), 0.86, 0.72 / len(found)))
            spoken.append(f"{timed.endpoint.label}: {_incidence(axes, timed)}")
        return _svg(figure, "Time from randomization", "; ".join(spoken))


def _plain(axes: Axes) -> None:
    """Leave two axes in the ink of the page."""
    axes.patch.set_visible(False)
    axes.tick_params(colors=INK)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)


def _incidence(axes: Axes, timed: TimeToEvent) -> str:
    _plain(axes)
    axes.set_title(timed.endpoint.label, color=INK, fontsize=9, loc="left")
    axes.set_xlabel("Days from randomization", color=INK)
    axes.set_ylabel("Share with the event (%)", color=INK)
    spoken, highest = [], 0.0
    for arm, times, shade in zip(ARMS, (timed.screening, timed.control), SHADES, strict=False):
        days, shares = _steps(times)
        axes.step(days, shares, where="post", color=shade, linewidth=1.6)
        name, end = ARM_CODES[arm], (days[-1], shares[-1])
        axes.annotate(name, end, (0, 5), textcoords="offset points", ha="right", color=shade)
        spoken.append(f"{name} {shares[-1]:.1f} % by day {days[-1]:g}")
        highest = max(highest, shares[-1])
    axes.set_ylim(0, 1.2 * highest or 1)
    return ", ".join(spoken)


def _steps(times: Times) -> tuple[list[float], list[float]]:
    steps = kaplan_meier(times)
    shares = [100 * (1 - step.free.value) for step in steps if step.free.value is not None]
    end = max([step.day for step in steps] + list(times.days), default=0.0)
    last = shares[-1] if shares else 0.0
    return [0.0, *(step.day for step in steps), float(end)], [0.0, *shares, last]


def fracture_risks(changes: Sequence[RiskChange]) -> bytes:
    """Draw the mean of each person's risk after DXA over that before, with its standard deviation (Figure 4B)."""
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(WIDTH, 3.4))
        axes = figure.add_axes((0.1, 0.13, 0.87, 0.7))
        _plain(axes)
        axes.set_ylabel("Risk after / before DXA", color=INK)
        axes.set_xticks(range(len(changes)), [change.label for change in changes], color=INK)
        axes.axhline(1, color=INK, linewidth=0.6)
        top = 1.2 * max((_highest(group.ratio) for change in changes for group in change.groups), default=1.0)
        axes.set_ylim(0, top)
        for place, change in enumerate(changes):
            axes.text(place, top, p_equation(change.test), ha="center", va="top", color=INK)
            _risk_bars(axes, place, change)
        for nth, group in enumerate(changes[0].groups if changes else ()):
            _name(axes, nth / 2, 1.1, SHADES[nth], group.label, transform=axes.transAxes)
        spoken = "; ".join(f"{c.label}, {p_equation(c.test)}: {_spoken_groups(c)}" for c in changes)
        return _svg(figure, "Risk of fracture after DXA over that before (FRAX)", spoken)


def _risk_bars(axes: Axes, place: int, change: RiskChange) -> None:
    for nth, (group, shade) in enumerate(zip(change.groups, SHADES, strict=False)):
        x, ratio = place + 0.36 * (nth - 0.5), group.ratio
        if ratio.mean is None:
            continue
        axes.bar(x, ratio.mean, width=0.32, color=shade)
        axes.plot([x, x], [ratio.mean, _highest(ratio)], color=INK, linewidth=1)
        axes.text(x, _highest(ratio), mean_sd(ratio, 2), ha="center", va="bottom", color=INK)


def _highest(ratio: Mean) -> float:
    return (ratio.mean or 0.0) + (ratio.sd or 0.0)


def _spoken_groups(change: RiskChange) -> str:
    return ", ".join(f"{g.label} {mean_sd(g.ratio, 2)} (n = {g.ratio.n})" for g in change.groups)


def accrual_chart(found: Accrual) -> bytes:
    """Draw how many were randomized by each day, as steps, beside the planned line."""
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(WIDTH, 3.0))
        axes = figure.add_axes((0.1, 0.14, 0.87, 0.72))
        _plain(axes)
        days = sorted({found.planned[0][0], *(day for day, _ in found.randomized), found.as_of})
        so_far, goals = map(found.randomized_by, days), [number for _, number in found.planned]
        axes.step(date2num(days), list(so_far), where="post", color=ACCENT, linewidth=1.8)
        axes.plot(date2num([day for day, _ in found.planned]), goals, "--", color=SHADES[2], linewidth=1.4)
        axes.set_ylim(0, 1.1 * max(found.planned[-1][1], found.so_far))
        axes.set_ylabel("People randomized so far", color=INK)
        axes.xaxis.set_major_locator(AutoDateLocator(maxticks=5))
        axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d"))
        for nth, (label, shade) in enumerate((("Randomized", ACCENT), ("Planned", SHADES[2]))):
            _name(axes, nth / 4, 1.08, shade, label, transform=axes.transAxes)
        return _svg(figure, "Accrual against plan, all arms together", found.words)


# --- SVG ---------------------------------------------------------------------------------------------------


def _svg(figure: Figure, title: str, description: str) -> bytes:
    """Write a figure without date, background or style sheet, and with a title and a description."""
    out = io.BytesIO()
    figure.patch.set_visible(False)
    FigureCanvasSVG(figure).print_svg(out, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = out.getvalue().decode("utf-8")
    svg = svg[svg.index(">", svg.index("<svg")) + 1 :]
    svg = re.sub(r"<style .*?</style>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' style="([^"]*)"', lambda found: _attributes(found[1]), svg)
    width, height = (72 * inches for inches in figure.get_size_inches())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
    names = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    svg = f'{head} xmlns:xlink="http://www.w3.org/1999/xlink" stroke-linejoin="round">{names}{svg}'
    return svg.replace(INK, "currentColor").encode("utf-8")


def _attributes(style: str) -> str:
    """Turn "fill: none; font: 9px sans" into attributes; the shorthand for fonts becomes weight and size."""
    found = dict(item.strip().split(": ", 1) for item in style.split(";") if ":" in item)
    if font := found.pop("font", ""):
        size = re.search(r"[\d.]+px", font)
        found |= {"font-family": "system-ui, sans-serif", "font-size": size[0] if size else "9px"}
        found |= {"font-weight": "bold"} if re.search(r"\b(bold|700)\b", font) else {}
    return "".join(f' {name}="{escape(value, quote=True)}"' for name, value in found.items())
