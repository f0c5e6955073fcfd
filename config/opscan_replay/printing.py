"""The paper's numbers and ours as lines for people."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from textwrap import wrap

from config.demo.console import Say
from config.opscan_replay.comparison import Comparison


def show_headlines(say: Say, sections: Mapping[str, Sequence[tuple[str, Comparison]]]) -> None:
    """Print the main numbers, the paper's beside ours."""
    say(f"\n  {'The paper beside ours':<46} {'published':<22} {'ours':<22} verdict")
    for title, rows in sections.items():
        say(f"  {title}")
        for label, c in rows:
            say(f"    {label:<44} {c.published:<22} {c.ours:<22} {c.verdict}")


def show_comparisons(say: Say, title: str, compared: Sequence[Comparison]) -> None:
    """Print numbers by their place in the paper, the reason below those that share it."""
    say(f"\n  {title}")
    say(f"    {'published':<24} {'ours':<24} {'verdict':<22} number")
    for why, rows in groupby(compared, key=lambda c: c.why):
        for c in rows:
            say(f"    {c.published:<24} {c.ours:<24} {c.verdict:<22} {c.source}: {c.key}")
        for line in wrap(why, 100):
            say(f"      {line}")
