"""The published counts as equations over kinds of people; each is named by its place in the JSON."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, combinations, product
from typing import Any, Literal, NamedTuple

from config.opscan_replay.people import Bone, Route
from config.opscan_replay.solving import Count

Paper = Mapping[str, Any]
Rule = Callable[["Kind"], bool]
Arm = Literal["screening", "control"]
Sex = Literal["female", "male"]
Band = Literal["<65", "65-74", "65-69", "70-74", "≥75"]

# The indication begins at 65 for women and at 70 for men (ISCD 2019), so only men's ages need the finer cut.
CELLS: tuple[tuple[Sex, Band], ...] = (
    ("female", "<65"),
    ("female", "65-74"),
    ("female", "≥75"),
    ("male", "<65"),
    ("male", "65-69"),
    ("male", "70-74"),
    ("male", "≥75"),
)
BONES: tuple[Bone, ...] = ("normal", "osteopenia", "osteoporosis")
SPINE, HIP = "lumbar_spine", "hip"


class Result(NamedTuple):
    """What an examination found: class, sites measured, and the sites with osteoporosis among them."""

    bone: Bone
    measured: tuple[str, ...]
    thin: tuple[str, ...]


class Kind(NamedTuple):
    """People alike in everything the figures count; low-risk people have no sex and band there."""

    sex: Sex | None
    band: Band | None
    route: Route | None
    result: Result | None
    treated: bool

    @property
    def bone(self) -> Bone | None:
        """Return the class of the examination, if there was one."""
        return self.result.bone if self.result else None

    @property
    def meets_iscd(self) -> bool:
        """Tell whether age and sex alone indicate DXA."""
        return self.band not in ("<65", "65-69")

    @property
    def age_group(self) -> str | None:
        """Return the paper's age group."""
        return "65-74" if self.band in ("65-69", "70-74") else self.band


def subsets(items: tuple[str, ...], least: int = 0) -> list[tuple[str, ...]]:
    """Return every choice of items, the smallest first."""
    return list(chain.from_iterable(combinations(items, n) for n in range(least, len(items) + 1)))


def _results() -> list[Result]:
    """List what an examination can find; with no site stated, osteoporosis has no site either."""
    found = []
    for bone, measured in product(BONES, subsets((SPINE, HIP))):
        thin = (subsets(measured, 1) or [()]) if bone == "osteoporosis" else [()]
        found += [Result(bone, measured, sites) for sites in thin]
    return found


def kinds(routes: tuple[Route, ...], *, with_age: bool = True) -> list[Kind]:
    """List every kind of person that these routes to an examination allow."""
    cells: list[tuple[Any, Any]] = list(CELLS) if with_age else [(None, None)]
    exams: list[tuple[Any, Any]] = [(None, None), *product(routes, _results())]
    return [
        Kind(sex, band, route, result, treated)
        for (sex, band), (route, result), treated in product(cells, exams, (False, True))
    ]


def oddity(kind: Kind) -> int:
    """Weigh what is unlikely: where the paper leaves a choice, the least odd cohort is built."""
    unstated = bool(kind.result and not kind.result.measured)
    return unstated + (kind.treated and {"osteoporosis": 0, None: 1, "osteopenia": 2, "normal": 3}[kind.bone])


EVENTS: Mapping[str, Rule] = {
    "dxa_all": lambda kind: kind.route is not None,
    "dxa_by_opscan": lambda kind: kind.route == "trial",
    "dxa_by_physicians": lambda kind: kind.route == "physician",
    "dxa_lspine": lambda kind: bool(kind.result and SPINE in kind.result.measured),
    "dxa_hip": lambda kind: bool(kind.result and HIP in kind.result.measured),
    "osteoporosis_all": lambda kind: kind.bone == "osteoporosis",
    "osteoporosis_lspine": lambda kind: bool(kind.result and SPINE in kind.result.thin),
    "osteoporosis_hip": lambda kind: bool(kind.result and HIP in kind.result.thin),
    "medication_all": lambda kind: kind.treated,
}
SEGMENTS: Mapping[str, Rule] = {
    "DXA by OPSCAN": EVENTS["dxa_by_opscan"],
    "DXA by physicians": EVENTS["dxa_by_physicians"],
    "No response": lambda kind: kind.route is None,
    "Osteoporosis": lambda kind: kind.bone == "osteoporosis",
    "Osteopenia": lambda kind: kind.bone == "osteopenia",
    "Normal T-score": lambda kind: kind.bone == "normal",
    "Medication usage": lambda kind: kind.bone == "osteoporosis" and kind.treated,
    "No medication": lambda kind: kind.bone == "osteoporosis" and not kind.treated,
}
LEVELS: Mapping[str, Callable[[Kind], str | None]] = {
    "ISCD indication": lambda kind: f"{'M' if kind.meets_iscd else 'Not m'}eeting ISCD indication",
    "GENDER": lambda kind: kind.sex,
    "AGE_group": lambda kind: kind.age_group,
}
# The questions of Table 2 count the trial's own examinations only; Figure 4A counts every DXA.
STEPS: Mapping[str, Rule] = {
    "dxa_by_opscan": lambda kind: kind.route == "trial",
    "osteoporosis_given_dxa": lambda kind: kind.route == "trial" and kind.bone == "osteoporosis",
    "treatment_given_osteoporosis": lambda kind: (
        kind.route == "trial" and kind.bone == "osteoporosis" and kind.treated
    ),
}


def of_arm(paper: Paper, arm: Arm) -> list[Count]:
    """Return what the figures, Table 1 and, for the screening arm, Table 2 count in one arm."""
    counts = [*_figure_3(paper, arm), *_figure_4a(paper, arm), *_table_1(paper, arm)]
    if arm == "screening":
        by_trial = EVENTS["dxa_by_opscan"]
        return [*counts, *_bars(paper["fig2"]["bars"], "fig2.bars", by_trial), *_table_2(paper)]
    return [*counts, *usual_care(paper, "control")]


def usual_care(paper: Paper, group: str) -> list[Count]:
    """Return what Figure 5 counts in a group that nobody was offered a scan."""
    return list(_bars(paper["fig5"]["groups"][group], f"fig5.groups.{group}", EVENTS["dxa_all"]))


def _bars(bars: Sequence[Mapping[str, Any]], path: str, examined: Rule) -> Iterator[Count]:
    """Count a cascade: all people, then those examined, then those with osteoporosis among them."""
    within = (everybody, examined, both(examined, SEGMENTS["Osteoporosis"]))
    for i, (bar, inside) in enumerate(zip(bars, within, strict=True)):
        yield Count(f"{path}.{i}.n", bar["n"], inside)
        for j, part in enumerate(bar["segments"]):
            yield Count(f"{path}.{i}.segments.{j}.n", part["n"], both(inside, SEGMENTS[part["label"]]))


def _figure_3(paper: Paper, arm: Arm) -> Iterator[Count]:
    for row in paper["fig3"]["rows"]:
        path = f"fig3.rows.{row['key']}.{arm}"
        yield Count(f"{path}.n", row[arm]["n"], everybody)
        if row["key"] in EVENTS:  # the drugs overlap and are counted apart
            yield Count(f"{path}.events", row[arm]["events"], EVENTS[row["key"]])


def _figure_4a(paper: Paper, arm: Arm) -> Iterator[Count]:
    for outcome, group in ((o, g) for o in paper["fig4a"]["outcomes"] for g in o["subgroups"]):
        path = f"fig4a.outcomes.{outcome['key']}.subgroups.{group['key']}.{arm}"
        inside = meeting if group["key"] == "meeting_iscd" else not_meeting
        yield Count(f"{path}.n", group[arm]["n"], inside)
        yield Count(f"{path}.events", group[arm]["events"], both(inside, EVENTS[outcome["key"]]))


def _table_1(paper: Paper, arm: Arm) -> Iterator[Count]:
    for variable in paper["table1"]["variables"]:
        name = variable["variable"]
        for i, level in enumerate(variable.get("levels", []) if name in LEVELS else []):
            yield Count(
                f"table1.variables.{name}.levels.{i}.{arm}.n", level[arm]["n"], at(name, level["level"])
            )


def _table_2(paper: Paper) -> Iterator[Count]:
    for variable in paper["table2"]["variables"]:
        name = variable["variable"]
        for i, level in enumerate(variable["levels"] if name in LEVELS else []):
            path, among = f"table2.variables.{name}.levels.{i}", at(name, level["level"])
            for step, happened in STEPS.items():
                yield Count(f"{path}.{step}.n", level[step]["n"], among)
                among = both(among, happened)
                yield Count(f"{path}.{step}.events", level[step]["events"], among)


def everybody(kind: Kind) -> bool:
    """Count all."""
    return True


def meeting(kind: Kind) -> bool:
    """Count who meets the age-and-sex indication."""
    return kind.meets_iscd


def not_meeting(kind: Kind) -> bool:
    """Count who does not."""
    return not kind.meets_iscd


def both(first: Rule, second: Rule) -> Rule:
    """Count who satisfies both rules."""
    return lambda kind: first(kind) and second(kind)


def at(variable: str, level: str) -> Rule:
    """Count who stands at a level of a variable."""
    return lambda kind: LEVELS[variable](kind) == level
