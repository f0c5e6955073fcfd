"""The replay: from the published counts to people, from people to the published numbers."""

import math
from collections import Counter
from copy import deepcopy
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from analysis.consort import Intake, flow
from analysis.subjects import ARMS, SubjectRow
from config.opscan_replay.comparison import compare, headlines
from config.opscan_replay.people import (
    FOLLOW_UP_END,
    INDEX_DATE,
    RANDOMIZED_ON,
    WINDOW_DAYS,
    Exam,
    ReplayPerson,
)
from config.opscan_replay.printing import show_headlines
from config.opscan_replay.reconstruction import build, read
from config.opscan_replay.solving import Contradiction, Count, expand, shuffled, solve
from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus
from screening.endpoint import Exam as EndpointExam
from screening.endpoint import Findings, findings
from tests.analysis import published
from tests.config.replay_rows import subject_rows
from trial.partial_dates import PartialDate
from trial.protocol import template

PAPER = read(published.PATH)


@pytest.fixture(scope="module")
def people():
    return build(PAPER)


@pytest.fixture(scope="module")
def rows(people):
    return subject_rows(people)


@pytest.fixture(scope="module")
def comparisons(rows):
    return compare(rows, PAPER)


def resolve(key: str):
    """Follow a dotted path through the JSON: list items by their key, their variable, or their position."""
    found = PAPER
    for part in key.split("."):
        if isinstance(found, dict):
            found = found[part]
        elif part.isdigit():
            found = found[int(part)]
        else:
            found = next(item for item in found if part in (item.get("key"), item.get("variable")))
    return found


def changed(key: str, value: int) -> dict:
    """Return the paper with one count changed."""
    paper = deepcopy(PAPER)
    *path, last = key.split(".")
    found = paper
    for part in path:
        if isinstance(found, dict):
            found = found[part]
        elif part.isdigit():
            found = found[int(part)]
        else:
            found = next(item for item in found if item.get("key") == part)
    found[last] = value
    return paper


def printed_by_r(a: int, n: int, c: int, m: int) -> str:
    """Fit status ~ arm as R 4.2.2 glm does: individual rows, Fisher scoring, and its early stop.

    R starts from (y + 0.5) / 2, stops when the deviance changes by less than 1e-8, and takes the standard
    error from the weights that made the last step, not from the estimate it made.
    """
    events, totals = np.array([a, c], float), np.array([n, m], float)
    start = np.array([0.25, 0.75])
    logit, weight = np.log(start / (1 - start)), start * (1 - start)
    working = logit + (np.array([0, 1]) - start) / weight
    share = events / totals
    eta = ((1 - share) * weight[0] * working[0] + share * weight[1] * working[1]) / (
        (1 - share) * weight[0] + share * weight[1]
    )
    weights = totals * ((1 - share) * weight[0] + share * weight[1])
    before = math.inf
    while True:
        mu = 1 / (1 + np.exp(-eta))
        deviance = -2 * float((events * np.log(mu) + (totals - events) * np.log(1 - mu)).sum())
        if abs(deviance - before) / (abs(deviance) + 0.1) < 1e-8:
            break
        before, weights = deviance, totals * mu * (1 - mu)
        eta = eta + (share - mu) / (mu * (1 - mu))
    log_odds, se = eta[0] - eta[1], math.sqrt((1 / weights).sum())
    low, high = (math.exp(log_odds + z * se) for z in (-1.959963984540054, 1.959963984540054))
    return f"{math.exp(log_odds):.2f} ({low:.2f}, {high:.2f})"


def as_exam(person: ReplayPerson, exam: Exam) -> EndpointExam:
    """Put an examination as the endpoint's rule reads it."""
    return EndpointExam(
        on=PartialDate.of(exam.on),
        by_trial=exam.route == "trial",
        sex=person.sex,
        age=person.age,
        menopause=MenopausalStatus.POSTMENOPAUSAL if person.postmenopausal else None,
        measurements=tuple(
            Measurement(MeasurementSite(m.site), Decimal(str(m.t_score))) for m in exam.measurements
        ),
    )


# --- the verdicts ------------------------------------------------------------------------------------------


def test_every_given_and_reproduced_number_is_the_papers(comparisons):
    assert [c for c in comparisons if c.differs] == []
    verdicts = Counter((c.kind, c.match) for c in comparisons)
    assert set(verdicts) == {("given", True), ("reproduced", True), ("artefact", False)}


def test_keys_are_paths_into_the_published_json(comparisons):
    assert len({c.key for c in comparisons}) == len(comparisons)
    for c in comparisons:
        assert c.published == str(resolve(c.key)), c.key


@pytest.mark.parametrize(
    ("figure", "parts"),
    [
        ("fig2", [f"fig2.bars.{i}.segments.{j}.n" for i in (0, 1) for j in (0, 1, 2)]),
        ("fig3", [f"fig3.rows.{r['key']}.or_ci.printed" for r in PAPER["fig3"]["rows"]]),
        ("fig3", [f"fig3.rows.{r['key']}.{arm}.events" for r in PAPER["fig3"]["rows"] for arm in ARMS]),
        ("fig4a", [f"fig4a.outcomes.{o['key']}.p_interaction_printed" for o in PAPER["fig4a"]["outcomes"]]),
        ("fig4a", [f"fig4a.outcomes.{o['key']}.subgroups.{g['key']}.or_ci.printed"
                   for o in PAPER["fig4a"]["outcomes"] for g in o["subgroups"]]),
        ("fig5", [f"fig5.groups.{g}.{i}.n" for g in ("low_risk", "control") for i in (0, 1, 2)]),
        ("table1", ["table1.variables.CushingDisease.p", "table1.variables.GENDER.levels.0.control.n"]),
        ("table2", ["table2.variables.AGE_group.p.dxa_by_opscan"]),
    ],
)  # fmt: skip
def test_every_row_of_the_figures_is_there(comparisons, figure, parts):
    assert set(parts) <= {c.key for c in comparisons if c.key.startswith(figure)}


def test_the_four_artefacts_say_what_is_exact_and_why(comparisons):
    found = {c.key: c for c in comparisons if c.kind == "artefact"}
    assert sorted(c.published for c in found.values()) == [
        "1.00 (0.06, 15.99)",
        "1.00 (0.06, 15.99)",
        "15.79 (3.76, 66.30)",
        "Inf (0.00, Inf)",
    ]
    assert found["fig3.rows.medication_pth.or_ci.printed"].ours == "1.00 (0.06, 16.00)"
    assert found["fig3.rows.dxa_by_opscan.or_ci.printed"].ours == "Inf (97.18, Inf)"
    assert all("exact" in c.why for c in found.values())


def test_r_stopping_early_is_indeed_what_changed_the_three_prints():
    rows = PAPER["fig3"]["rows"] + [g for o in PAPER["fig4a"]["outcomes"] for g in o["subgroups"]]
    for row in rows:
        if row["control"]["events"]:
            counts = (row[arm][what] for arm in ("screening", "control") for what in ("events", "n"))
            assert printed_by_r(*counts) == row["or_ci"]["printed"]


def test_the_headlines_put_flow_effects_and_subgroups_beside_the_papers(comparisons):
    flow, effects, subgroups = headlines(comparisons, PAPER).values()
    main = [row for row in PAPER["fig3"]["rows"] if row["indent"] == 1]
    primary = PAPER["fig4a"]["outcomes"][1]

    bars = [[bar["n"], *(part["n"] for part in bar["segments"])] for bar in PAPER["fig2"]["bars"]]
    assert [c.ours for _, c in flow] == [str(n) for bar in bars for n in bar]
    assert [(label, c.ours) for label, c in effects] == [(r["label"], r["or_ci"]["printed"]) for r in main]
    groups = [(g["label"], g["or_ci"]["printed"]) for g in primary["subgroups"]]
    test = ("Interaction (Wald)", primary["p_interaction_printed"])
    assert [(label, c.ours) for label, c in subgroups] == [*groups, test]


def test_a_headline_is_one_line_the_papers_number_before_ours(comparisons):
    said: list[str] = []
    show_headlines(said.append, headlines(comparisons, PAPER))

    primary = next(row for row in PAPER["fig3"]["rows"] if row["key"] == "osteoporosis_all")
    (line,) = [line for line in said if primary["label"] in line]
    printed = primary["or_ci"]["printed"]
    assert " ".join(line.split()) == f"{primary['label']} {printed} {printed} reproduced, match"


def test_json_objects_have_the_agreed_names(comparisons):
    plain = {"source", "key", "published", "ours", "kind", "match"}
    assert {frozenset(c.as_json()) for c in comparisons} == {frozenset(plain), frozenset(plain | {"why"})}


def test_a_wrong_odds_ratio_is_never_excused_as_an_artefact(rows):
    """One more person on parathyroid hormone: not the print of the paper, and not the exact value either."""
    more = next(i for i, row in enumerate(rows) if row.arm == "screening" and not row.treated)
    spoiled = [*rows]
    spoiled[more] = rows[more]._replace(treated=True, drugs=frozenset({"parathyroid_hormone"}))
    found = {c.key: c for c in compare(spoiled, PAPER)}["fig3.rows.medication_pth.or_ci.printed"]
    assert (found.kind, found.match, found.differs) == ("reproduced", False, True)


# --- one count changed -------------------------------------------------------------------------------------


def test_one_changed_count_changes_exactly_its_dependents():
    paper = changed("fig3.rows.medication_romosozumab.screening.events", 20)
    row = "fig3.rows.medication_romosozumab"
    assert {c.key for c in compare(subject_rows(build(paper)), PAPER) if c.differs} == {
        f"{row}.screening.events",
        f"{row}.screening.pct",
        f"{row}.or_ci.printed",
    }


def test_a_treated_person_more_among_the_low_risk_changes_figure_5_only():
    paper = changed("fig5.groups.low_risk.2.segments.0.n", 19)
    paper["fig5"]["groups"]["low_risk"][2]["segments"][1]["n"] = 22
    bar = "fig5.groups.low_risk.2.segments"
    assert {c.key for c in compare(subject_rows(build(paper)), PAPER) if c.differs} == {
        f"{bar}.{i}.{what}" for i in (0, 1) for what in ("n", "pct_printed")
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fig3.rows.dxa_all.screening.events", 359),
        ("fig3.rows.dxa_hip.control.events", 40),
        ("fig3.rows.medication_denosumab.control.events", 2),
        ("fig4a.outcomes.osteoporosis_all.subgroups.meeting_iscd.screening.events", 156),
        ("fig5.groups.low_risk.1.segments.0.n", 42),
    ],
)
def test_counts_at_odds_are_named(key, value):
    with pytest.raises(Contradiction, match=f"{key} = {value}"):
        build(changed(key, value))


# --- the people --------------------------------------------------------------------------------------------


def test_the_cohort_has_the_published_size_and_is_the_same_every_time(people):
    sizes = Counter(person.group for person in people)
    arms = PAPER["meta"]["arms"]
    assert (sizes["screening"], sizes["control"]) == (arms["screening"], arms["control"])
    assert sizes["low_risk"] == arms["low_risk_not_randomised"]
    assert [person.number for person in people] == list(range(1, len(people) + 1))
    assert build(PAPER) == people


def test_nobody_breaks_the_protocol(people):
    for person in people:
        high = 100 * person.films_positive > 66 * person.films_counted
        assert high == (person.group != "low_risk")
        had_birthday = (person.birth_date.month, person.birth_date.day) <= (1, 1)
        assert person.age == INDEX_DATE.year - person.birth_date.year - (not had_birthday) >= 40


def test_examinations_are_possible_and_say_what_their_class_says(people):
    for person in people:
        for exam in person.exams:
            lowest = min(measurement.t_score for measurement in exam.measurements)
            bone = "osteoporosis" if lowest <= -2.5 else "osteopenia" if lowest < -1 else "normal"
            assert exam.bone == bone
            assert INDEX_DATE < exam.on <= FOLLOW_UP_END
            assert person.postmenopausal or (person.sex == "male" and person.age >= 50)
            if exam.route == "trial":
                assert person.group == "screening"
                assert RANDOMIZED_ON < exam.on <= RANDOMIZED_ON + timedelta(days=180)
            scores = {m.site: m.t_score for m in exam.measurements}
            assert exam.osteoporosis_lumbar_spine == (scores.get("lumbar_spine", 0) <= -2.5)
            assert exam.osteoporosis_hip == (scores.get("femoral_neck", 0) <= -2.5)


def test_the_endpoint_rule_of_the_template_finds_what_the_cohort_was_built_for(people, rows):
    protocol = template("opscan")
    for person, row in zip(people, rows, strict=True):
        if person.exams:
            found = findings(protocol, [as_exam(person, exam) for exam in person.exams], [])
            for name in {f.name for f in fields(Findings)} & set(SubjectRow._fields):
                value = getattr(found, name)
                day = value.earliest if isinstance(value, PartialDate) else value
                assert day == getattr(row, name), (person.number, name)


def test_the_template_judges_age_risk_and_window_as_the_cohort_does(people):
    protocol = template("opscan")
    assert protocol.index_date == INDEX_DATE
    assert protocol.follow_up_end == FOLLOW_UP_END
    assert protocol.referral_window_days == WINDOW_DAYS
    assert min(person.age for person in people) >= protocol.minimum_age


def test_drugs_come_after_the_examination_so_that_osteoporosis_is_new(people):
    for person in people:
        for treatment in person.treatments:
            assert INDEX_DATE < treatment.started_on <= FOLLOW_UP_END
            assert all(treatment.started_on > exam.on for exam in person.exams)
        if person.diagnosed_on:
            assert all(person.diagnosed_on > exam.on for exam in person.exams)


def test_eighteen_controls_were_treated_twelve_of_them_after_a_diagnosis(people):
    treated = [person for person in people if person.group == "control" and person.treatments]
    assert len(treated) == 18
    assert sum(person.diagnosed_on is not None for person in treated) == 12


def test_the_flow_of_the_replay_adds_up(rows):
    films = sum(row.films_counted for row in rows)
    found = flow(rows, Intake(films, films))
    assert [box.n for box in found.stem[2:]] == [40658, 40658, 4912, 4912]
    assert found.left["eligible"].n == 35746
    screening = {box.key: box for box in found.arms["screening"]}
    assert (screening["scanned"].n, screening["detected"].n) == (358, 272)


# --- the solver --------------------------------------------------------------------------------------------


def test_the_solver_finds_whole_people_at_the_least_cost():
    kinds = ["young", "old", "odd"]
    counts = [Count("all", 10, lambda kind: True), Count("not young", 4, lambda kind: kind != "young")]
    assert solve(kinds, counts, cost=lambda kind: kind == "odd") == [6, 4, 0]
    assert expand(kinds, [1, 2, 0]) == ["young", "old", "old"]


def test_the_solver_blames_only_the_counts_at_odds():
    counts = [
        Count("all", 10, lambda kind: True),
        Count("young", 11, lambda kind: kind == "young"),
        Count("odd", 1, lambda kind: kind == "odd"),
    ]
    with pytest.raises(Contradiction) as refused:
        solve(["young", "old", "odd"], counts)
    assert "young = 11" in str(refused.value)
    assert "odd" not in str(refused.value)


def test_shuffling_loses_nobody_and_depends_on_its_name():
    items = list(range(50))
    assert sorted(shuffled(items, "a")) == items
    assert shuffled(items, "a") == shuffled(items, "a") != shuffled(items, "b")
