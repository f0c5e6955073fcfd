"""What the demonstration and the replay print: steps, progress, flow and effects."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from tqdm import tqdm

from analysis.consort import to_lines
from analysis.formats import events_of, interval, p_equation, percentage_points
from analysis.services import Report

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
    say("")
    say(f"  {primary.label}, intention to treat")
    say(f"    screening arm    {events_of(counts.events, counts.n)}")
    say(f"    control arm      {events_of(counts.control_events, counts.control_n)}")
    say(f"    odds ratio       {interval(primary.odds_ratio)}")
    say(f"    risk ratio       {interval(primary.risk_ratio)}")
    say(f"    risk difference  {percentage_points(primary.risk_difference)} percentage points")
    for note in {e.why for e in (primary.odds_ratio, primary.risk_ratio, primary.risk_difference) if e.why}:
        say(f"    {note}")
    groups = found.primary_subgroups
    say(f"  By age and sex ({groups.subgroup.label}); 95 % intervals")
    for level in groups.levels:
        shown = f"{events_of(*level.counts[:2])} v {events_of(*level.counts[2:])}"
        say(f"    {level.label:<42} {shown:<34} odds ratio {interval(level.odds_ratio)}")
    test = groups.interaction
    say(
        f"    interaction: Wald {p_equation(test.wald)}, likelihood ratio {p_equation(test.likelihood_ratio)}"
    )
