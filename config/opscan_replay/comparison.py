"""Our numbers beside the published ones, each with a verdict. `ours` always comes from the rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from analysis.cascades import Bar, cascade
from analysis.characteristics import CategoryByArm, Uptake, baseline, uptake
from analysis.effects import DETECTED, Effect, SubgroupEffect, effects, subgroup_effects
from analysis.formats import balance_p, fixed, interval, p_equation, percent
from analysis.populations import CONTROL_ARM, LOW_RISK, SCREENING_ARM
from analysis.subjects import ARMS, SubjectRow
from config.opscan_replay.traits import CAUSES, FRACTURES, OTHERS

Kind = Literal["given", "reproduced", "artefact"]
Paper = Mapping[str, Any]

ENDPOINTS = {
    "dxa_all": "dxa",
    "dxa_by_opscan": "dxa_trial",
    "dxa_by_physicians": "dxa_physician",
    "dxa_lspine": "dxa_lumbar_spine",
    "dxa_hip": "dxa_hip",
    "osteoporosis_all": "osteoporosis",
    "osteoporosis_lspine": "osteoporosis_lumbar_spine",
    "osteoporosis_hip": "osteoporosis_hip",
    "medication_all": "treated",
    "medication_denosumab": "drug_denosumab",
    "medication_romosozumab": "drug_romosozumab",
    "medication_bisphosponate": "drug_bisphosphonate",
    "medication_pth": "drug_parathyroid_hormone",
    "medication_serm": "drug_serm",
}
LEVELS = {"not_meeting_iscd": "not_meeting", "meeting_iscd": "meeting"}
SEGMENTS = {"DXA by OPSCAN": "DXA by the trial"}
VARIABLES = {
    "ISCD indication": "iscd_age_sex",
    "total_CXR_group": "films",
    "positive_prop_group": "positive_films",
    "GENDER": "sex",
    "AGE_group": "age_group",
    "BMI_group": "bmi_group",
    "Fracture": "fracture",
    "SecondaryOsteoporosis": "secondary_osteoporosis",
    **FRACTURES,
    **CAUSES,
    **OTHERS,
}
EXACT_LIMIT = (
    "Nobody in the control arm had this event, so the odds ratio is infinite and only its lower limit is a "
    "number: ours is the exact conditional limit. The paper's script prints this where its model diverges."
)
EARLY_STOP = (
    "Ours is exact (odds ratio ad/bc, Woolf's interval). R's glm stops at a deviance tolerance of 1e-8 and "
    "takes the standard error from the weights one step before convergence, which changes the second decimal."
)


@dataclass(frozen=True)
class Comparison:
    """One published number beside ours. `key` is its path in the JSON, list items by `key` or by position."""

    source: str
    key: str
    published: str
    ours: str
    kind: Kind
    match: bool
    why: str = ""

    @property
    def differs(self) -> bool:
        """Tell whether this is a fault: a number that should be the paper's and is not."""
        return not self.match and self.kind != "artefact"

    @property
    def verdict(self) -> str:
        """Return what came of it, in words."""
        return f"{self.kind}, {'match' if self.match else 'differs'}"

    def as_json(self) -> dict[str, Any]:
        """Return the object of the JSON list; `why` only where there is a reason to give."""
        return {name: value for name, value in asdict(self).items() if name != "why" or value}


def compare(rows: Sequence[SubjectRow], paper: Paper) -> list[Comparison]:
    """Compare every printed number that counts can give: Figures 2, 3, 4A and 5, and Tables 1 and 2.

    Left out, for they need patient data: means of age and body mass index (Table 1), and Figure 4B, whose FRAX
    values no row can be given: the paper prints means and deviations of ratios, not how many people they are of.
    """
    return [
        *_figure_2(rows, paper["fig2"]),
        *_figure_3(effects(rows), paper["fig3"]),
        *_figure_4a(subgroup_effects(rows), paper["fig4a"]),
        *_figure_5(rows, paper["fig5"]),
        *_table_1(rows, paper["table1"]),
        *_table_2(rows, paper["table2"]),
    ]


def headlines(compared: Sequence[Comparison], paper: Paper) -> dict[str, list[tuple[str, Comparison]]]:
    """Return the rows that a reader looks for first, labeled in the paper's words, by what they are of."""
    by_key = {c.key: c for c in compared}
    sections = {
        "Figure 2, screening arm: people": _bar_keys(paper["fig2"]),
        "Figure 3: odds ratio (95 % interval)": _effect_keys(paper["fig3"]),
        "Figure 4A, primary endpoint by age and sex: odds ratio (95 % interval)": _subgroup_keys(
            paper["fig4a"]
        ),
    }
    return {title: [(label, by_key[key]) for label, key in keys] for title, keys in sections.items()}


def _bar_keys(figure: Paper) -> Iterator[tuple[str, str]]:
    for i, bar in enumerate(figure["bars"]):
        yield bar["label"].partition(" (")[0], f"fig2.bars.{i}.n"
        for j, part in enumerate(bar["segments"]):
            yield f"  {part['label']}", f"fig2.bars.{i}.segments.{j}.n"


def _effect_keys(figure: Paper) -> Iterator[tuple[str, str]]:
    main = (row for row in figure["rows"] if row["indent"] == 1)
    return ((row["label"], f"fig3.rows.{row['key']}.or_ci.printed") for row in main)


def _subgroup_keys(figure: Paper) -> Iterator[tuple[str, str]]:
    outcome = next(o for o in figure["outcomes"] if ENDPOINTS[o["key"]] == DETECTED.key)
    path = f"fig4a.outcomes.{outcome['key']}"
    for group in outcome["subgroups"]:
        yield group["label"], f"{path}.subgroups.{group['key']}.or_ci.printed"
    yield "Interaction (Wald)", f"{path}.p_interaction_printed"


def _figure_2(rows: Sequence[SubjectRow], figure: Paper) -> Iterator[Comparison]:
    bars = cascade(SCREENING_ARM.select(rows), "Screening arm", offered=True)
    yield from _bars(bars, figure["bars"], figure["source"], "fig2.bars")
    shares = {part.label: percent(part.n, bar.n) for bar in bars for part in bar.segments}
    for label, share in figure["readme_pct"].items():
        yield _printed("README.md", f"fig2.readme_pct.{label}", share, shares[SEGMENTS.get(label, label)])


def _figure_5(rows: Sequence[SubjectRow], figure: Paper) -> Iterator[Comparison]:
    for group, chosen in (("low_risk", LOW_RISK), ("control", CONTROL_ARM)):
        bars = cascade(chosen.select(rows), chosen.label, offered=False)
        yield from _bars(bars, figure["groups"][group], figure["source"], f"fig5.groups.{group}")


def _bars(bars: Sequence[Bar], printed: Sequence[Paper], source: str, path: str) -> Iterator[Comparison]:
    """Compare the bars of a cascade; a share that the figure hides (5 % or less) has nothing to compare."""
    for i, (bar, paper) in enumerate(zip(bars, printed, strict=True)):
        yield _given(source, f"{path}.{i}.n", paper["n"], bar.n)
        ours = {part.label: part.n for part in bar.segments}
        for j, part in enumerate(paper["segments"]):
            n, key = ours[SEGMENTS.get(part["label"], part["label"])], f"{path}.{i}.segments.{j}"
            yield _given(source, f"{key}.n", part["n"], n)
            if part["pct_printed"] is not None:
                yield _printed(source, f"{key}.pct_printed", part["pct_printed"], percent(n, bar.n))


def _figure_3(found: Sequence[Effect], figure: Paper) -> Iterator[Comparison]:
    by_key = {effect.key: effect for effect in found}
    for row in figure["rows"]:
        yield from _effect(by_key[ENDPOINTS[row["key"]]], row, figure["source"], f"fig3.rows.{row['key']}")


def _figure_4a(found: Sequence[SubgroupEffect], figure: Paper) -> Iterator[Comparison]:
    by_key = {outcome.endpoint.key: outcome for outcome in found}
    for outcome in figure["outcomes"]:
        ours, path = by_key[ENDPOINTS[outcome["key"]]], f"fig4a.outcomes.{outcome['key']}"
        test = p_equation(ours.interaction.wald, "p-value")
        yield _printed(
            figure["source"], f"{path}.p_interaction_printed", outcome["p_interaction_printed"], test
        )
        levels = {level.key: level for level in ours.levels}
        for group in outcome["subgroups"]:
            key = f"{path}.subgroups.{group['key']}"
            yield from _effect(levels[LEVELS[group["key"]]], group, figure["source"], key)


def _effect(found: Effect, row: Paper, source: str, path: str) -> Iterator[Comparison]:
    """Compare the counts and shares of both arms, and the odds ratio with its interval."""
    a, n, c, m = found.counts
    for arm, events, people in (("screening", a, n), ("control", c, m)):
        yield _given(source, f"{path}.{arm}.events", row[arm]["events"], events)
        yield _given(source, f"{path}.{arm}.n", row[arm]["n"], people)
        yield _printed(source, f"{path}.{arm}.pct", row[arm]["pct"], percent(events, people))
    yield _odds_ratio(interval(found.odds_ratio), row, source, f"{path}.or_ci.printed")


def _odds_ratio(ours: str, row: Paper, source: str, key: str) -> Comparison:
    """Compare an odds ratio. A print known to be off counts as artefact only if ours is the exact value."""
    exact, why = row.get("closed_form_print"), EARLY_STOP
    if limit := row.get("exact_conditional"):
        exact, why = f"Inf ({fixed(limit['ci95'][0])}, {limit['ci95'][1]})", EXACT_LIMIT
    printed = row["or_ci"]["printed"]
    if row["artefact"] and ours == exact:
        return Comparison(source, key, printed, ours, "artefact", ours == printed, why)
    return _printed(source, key, printed, ours)


def _table_1(rows: Sequence[SubjectRow], table: Paper) -> Iterator[Comparison]:
    found = {f.category.key: f for f in baseline(rows) if isinstance(f, CategoryByArm)}
    for variable in table["variables"]:
        if variable["type"] == "categorical":
            path = f"table1.variables.{variable['variable']}"
            yield from _baseline(found[VARIABLES[variable["variable"]]], variable, table["source"], path)


def _baseline(found: CategoryByArm, variable: Paper, source: str, path: str) -> Iterator[Comparison]:
    yield _printed(source, f"{path}.p", variable["p"], balance_p(found.test))
    for i, (level, (_, counts)) in enumerate(zip(variable["levels"], found.levels, strict=True)):
        for arm in ARMS:
            key, count = f"{path}.levels.{i}.{arm}", counts[arm]
            yield _given(source, f"{key}.n", level[arm]["n"], count.n)
            yield _printed(source, f"{key}.pct", level[arm]["pct"], percent(*count))


def _table_2(rows: Sequence[SubjectRow], table: Paper) -> Iterator[Comparison]:
    found = {f.category.key: f for f in uptake(SCREENING_ARM.select(rows))}
    for variable in table["variables"]:
        path = f"table2.variables.{variable['variable']}"
        yield from _uptake(found[VARIABLES[variable["variable"]]], variable, table["source"], path)


def _uptake(found: Uptake, variable: Paper, source: str, path: str) -> Iterator[Comparison]:
    for (step, printed), test in zip(variable["p"].items(), found.tests, strict=True):
        yield _printed(source, f"{path}.p.{step}", printed, p_equation(test))
    for i, (level, (_, counts)) in enumerate(zip(variable["levels"], found.levels, strict=True)):
        for step, (events, people) in zip(variable["p"], counts, strict=True):
            key = f"{path}.levels.{i}.{step}"
            yield _given(source, f"{key}.events", level[step]["events"], events)
            yield _given(source, f"{key}.n", level[step]["n"], people)
            yield _printed(source, f"{key}.pct", level[step]["pct"], percent(events, people))


def _given(source: str, key: str, published: int, ours: int) -> Comparison:
    return Comparison(source, key, str(published), str(ours), "given", published == ours)


def _printed(source: str, key: str, published: str, ours: str) -> Comparison:
    return Comparison(source, key, published, ours, "reproduced", published == ours)
