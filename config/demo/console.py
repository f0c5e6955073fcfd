"""What the demonstration and the replay print: steps, progress, flow and effects."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from tqdm import tqdm

from analysis.consort import to_lines
from analysis.effects import SubgroupEffect
from analysis.estimators import Estimate
from analysis.formats import events_of, interval, p_equation, percentage_points
from analysis.services.reports import Report
from analysis.significance import PValue

T = TypeVar("T")
Say = Callable[[str], None]


def progress(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """Show a progress bar over items."""
    return tqdm(items, desc=f"  {label}", total=total, unit="", ncols=90, leave=True)


def show_report(say: Say, found: Report) -> None:
    """Print flow, detection rates, effects with 95 % intervals, and the subgroup with its interaction test."""
    for line in to_lines(found.flow):
        say(f"  {line}")
    primary = found.primary
    counts = primary.counts
    say(f"\n  {primary.label}, intention to treat (95 % intervals)")
    say(f"    screening arm    {events_of(counts.events, counts.n)}")
    say(f"    control arm      {events_of(counts.control_events, counts.control_n)}")
    say(f"    odds ratio       {interval(primary.odds_ratio)}")
    say(f"    risk ratio       {interval(primary.risk_ratio)}")
    say(f"    risk difference  {percentage_points(primary.risk_difference)} percentage points")
    _show_reasons(say, primary.odds_ratio, primary.risk_ratio, primary.risk_difference)
    if found.primary_subgroups:
        _show_subgroups(say, found.primary_subgroups)


def _show_subgroups(say: Say, groups: SubgroupEffect) -> None:
    say(f"\n  The same by subgroup ({groups.subgroup.label})")
    for level in groups.levels:
        shown = f"{events_of(*level.counts[:2])} v {events_of(*level.counts[2:])}"
        say(f"    {level.label:<42} {shown:<34} odds ratio {interval(level.odds_ratio)}")
    wald, ratio = groups.interaction
    say(f"    interaction: Wald {p_equation(wald)}, likelihood ratio {p_equation(ratio)}")
    _show_reasons(say, wald, ratio)


def _show_reasons(say: Say, *found: Estimate | PValue) -> None:
    """Say, once each, why something could not be computed as usual."""
    for why in dict.fromkeys(f.why for f in found if f.why):
        say(f"    ({why})")
