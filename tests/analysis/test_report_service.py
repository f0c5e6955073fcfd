"""Freezes stay as they were, reports say what is in them, and who is blind holds nothing that tells an arm."""

import csv
import gzip
import io
import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from scipy.stats import chi2

from analysis import dataset
from analysis.downloads import DOWNLOADS
from analysis.masking import LEFT_OUT, REPLACED, dummy_csv, pooled
from analysis.models import Freeze
from analysis.services import freezes, reports
from analysis.subjects import CODEBOOK, SubjectRow
from config.postgres.roles import as_owner
from screening.densitometry import Measurement, MeasurementSite
from screening.services import cohort, outcomes
from tests.analysis.people import people, person
from tests.factories import World, add_film, in_arm, make_participant, randomized, refusal
from trial.models import Participant
from trial.partial_dates import parse
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db
ARMS = people(30, arm="screening", dxa=True, osteoporosis=True) + people(40, arm="screening")
ARMS += people(3, arm="control", dxa=True, osteoporosis=True) + people(67, arm="control")


def freeze(world: World, purpose: str = "Interim report") -> Freeze:
    return freezes.freeze(world.trial, purpose=purpose, by=world.trial_statistician, despite_findings=True)


def scan(who: Participant, t_score: str = "-2.7") -> None:
    measured = [Measurement(MeasurementSite.LUMBAR_SPINE, Decimal(t_score))]
    outcomes.record_dxa(who, exam_date=parse("2023-01-20"), measurements=measured, by=None)


# --- freezing -----------------------------------------------------------------------------------------------


def test_a_freeze_holds_the_record_as_it_stands_with_all_that_made_it(world, settings):
    randomized(world, 4)

    frozen = freeze(world)

    built = dataset.build(world.trial, frozen.cut_off)
    assert gzip.decompress(bytes(frozen.subjects)).decode() == built.csv == freezes.subjects_csv(frozen)
    assert (frozen.number, frozen.people, frozen.sha256) == (1, 4, built.sha256)
    assert (frozen.protocol_version, frozen.code_version) == (
        world.trial.protocol_version,
        settings.CODE_VERSION,
    )
    assert [v["name"] for v in frozen.codebook] == [v.name for v in CODEBOOK]
    assert frozen.intake == {"received": 4, "scored": 4, "set_aside": {}, "waiting": 0}
    assert (frozen.frozen_by, frozen.purpose) == (world.trial_statistician, "Interim report")


def test_who_may_not_freeze_does_not_and_a_freeze_has_a_purpose(world):
    for nobody in (world.caller, world.outcome_recorder, world.stranger):
        with pytest.raises(Refused, match="include: freeze dataset"):
            freezes.freeze(world.trial, purpose="Curiosity", by=nobody, despite_findings=True)
    with pytest.raises(Refused, match="what this freeze is for"):
        freeze(world, "  ")

    assert not Freeze.objects.exists()


def test_freezes_are_numbered_and_an_unchanged_record_needs_no_second_one(world):
    who = randomized(world, 2)[0].participant
    first, second = freeze(world), freeze(world)

    same = freezes.freeze_if_changed(world.trial, purpose="Again", by=world.trial_statistician)
    scan(who)
    changed = freezes.freeze_if_changed(world.trial, purpose="Again", by=world.trial_statistician)

    assert (first.number, second.number, same.pk, changed.number) == (1, 2, second.pk, 3)
    assert first.sha256 == second.sha256 != changed.sha256


def test_a_film_that_came_meanwhile_changes_a_freeze_though_no_row_does(world):
    who = randomized(world, 2)[0].participant
    first = freeze(world)
    add_film(world, who)

    second = freezes.freeze_if_changed(world.trial, purpose="Again", by=world.trial_statistician)

    assert (second.number, second.sha256) == (2, first.sha256)
    assert (first.intake["scored"], second.intake["scored"]) == (2, 3)


def test_a_freeze_is_never_changed_whatever_happens_to_the_record(world):
    allocations = randomized(world, 4)
    frozen = freeze(world)
    before = freezes.subjects_csv(frozen)
    scan(in_arm(allocations, "screening"))

    for statement in ("UPDATE analysis_freeze SET sha256 = ''", "DELETE FROM analysis_freeze"):
        assert "permission denied" in refusal(statement)
        with as_owner(connection):
            assert "never" in refusal(statement)
    assert freezes.subjects_csv(Freeze.objects.get()) == before


@pytest.mark.parametrize(
    "tamper",
    [
        lambda text: text.replace("screening", "control", 1),
        lambda text: text + text.splitlines()[1] + "\n",
        lambda text: "\n".join(text.splitlines()[:-1]) + "\n",
        lambda text: "",
    ],
)
def test_a_freeze_that_was_tampered_with_is_refused(world, tamper):
    randomized(world, 2)
    frozen = freeze(world)
    frozen.subjects = gzip.compress(tamper(freezes.subjects_csv(frozen)).encode())

    for use in (freezes.subjects_csv, reports.report):
        with pytest.raises(Refused, match="does not match its hash"):
            use(frozen)


def test_a_freeze_with_a_damaged_byte_is_refused(world):
    randomized(world, 2)
    frozen = freeze(world)
    sound = bytes(frozen.subjects)

    for place in (0, 12, len(sound) // 2, len(sound) - 3):
        frozen.subjects = sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :]
        with pytest.raises(Refused, match="does not match its hash"):
            freezes.subjects_csv(frozen)
    frozen.subjects = sound[:-9]
    with pytest.raises(Refused, match="does not match its hash"):
        freezes.subjects_csv(frozen)


# --- reports ------------------------------------------------------------------------------------------------


def test_a_report_counts_what_the_freeze_holds_and_nothing_later(world):
    allocations = randomized(world, 6)
    make_participant(world, birth_date="1990")
    for who in [a.participant for a in allocations if a.arm == "screening"][:2]:
        scan(who)
    frozen = freeze(world)
    scan(in_arm(allocations, "control"))

    told = reports.report(frozen)

    assert told.primary.counts == (2, 3, 0, 3)
    assert {box.key: box.n for box in told.flow.stem} == {
        "received": 6,
        "scored": 6,
        "registered": 7,
        "eligible": 6,
        "high_risk": 6,
        "randomized": 6,
    }
    empty = {name for name, table in told.tables.items() if not table.rows}
    assert empty <= {"effects_post_hoc", "further", "deviations", "performance", "fracture_risk", "accrual"}
    assert reports.report(Freeze.objects.get()) is told, "the same freeze is computed once"


def test_a_report_of_a_trial_that_has_only_begun_is_no_error(world):
    make_participant(world)

    told = reports.report(freeze(world))

    assert told.flow.stem[-1].n == 0 and told.primary.counts == (0, 0, 0, 0)


def test_who_was_not_randomized_though_at_high_risk_is_in_the_flow(world):
    randomized(world, 2)
    for _ in range(2):
        add_film(world, make_participant(world))
    cohort.assess_trial(world.trial, by=None)
    cohort.sum_up_films(world.trial, people=Participant.objects.filter(state="eligible"), by=None)

    told = reports.report(freeze(world)).flow

    assert {p.label: p.n for p in told.left["high_risk"].parts} == {"not in the cohort": 2}


# --- for those who are blind --------------------------------------------------------------------------------


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def dummy(rows: list[SubjectRow], key: bytes = b"a key") -> str:
    return dummy_csv(dataset.to_csv(rows), key)


def test_every_column_is_left_out_of_the_dummy_dataset_replaced_or_thought_harmless():
    """A new column makes this fail until somebody has thought about what it tells."""
    harmless = {
        *("site", "sex", "age", "iscd_age_sex", "eligible", "ineligibility_reasons", "films_counted"),
        *("randomized_on", "died", "dxa", "dxa_lumbar_spine", "dxa_hip", "dxa_class_any", "treated", "drugs"),
        *("osteoporosis", "osteoporosis_lumbar_spine", "osteoporosis_hip", *dataset.BASELINE_FIELDS),
    }

    thought_about = [*harmless, *LEFT_OUT, *REPLACED]
    assert sorted(thought_about) == sorted(v.name for v in CODEBOOK)


def test_whoever_has_which_arm_the_dummy_dataset_is_the_same_to_the_byte():
    called = {"called": True, "consented": True, "contact_outcome": "accepted", "dxa_trial": True}
    rows = [row._replace(**called) for row in ARMS[:30]] + [*ARMS[30:], person(risk_class="low")]
    arms = [row.arm for row in ARMS]
    random.Random(1).shuffle(arms)

    swapped = [row._replace(arm=arm) for row, arm in zip(ARMS, arms, strict=True)]
    swapped.append(rows[-1]._replace(risk_class="high", films_positive=0))

    assert dummy(swapped) == dummy(rows) == dummy(rows[::-1])
    assert dummy(rows) != dummy(rows, b"another key")


def test_the_sizes_of_a_dummy_allocation_do_not_say_which_arm_is_the_larger():
    rows = ARMS[:70] + ARMS[70:100]
    swapped = [row._replace(arm="control" if row.arm == "screening" else "screening") for row in rows]
    keys = [f"key {n}".encode() for n in range(40)]

    sizes = Counter(sum(row["dummy_arm"] == "A" for row in lines(dummy(rows, key))) for key in keys)

    assert set(sizes) == {30, 70} and min(sizes.values()) > 8
    assert [dummy(swapped, key) for key in keys[:3]] == [dummy(rows, key) for key in keys[:3]]


def test_a_dummy_dataset_says_that_it_is_one_and_names_nobody():
    text = dummy([*ARMS, person()])
    rows = lines(text)

    assert not {"arm", "study_number", *LEFT_OUT} & set(rows[0])
    assert Counter(row["dummy_arm"] for row in rows) == {"A": 70, "B": 70, "": 1}
    assert [row["row"] for row in rows] == [str(n) for n in range(1, 142)]
    assert not [word for word in ("screening", "control", ARMS[0].study_number) if word in text]
    assert Counter(row["dxa"] for row in rows) == {"True": 33, "False": 108}, "the facts are the true ones"


def test_over_many_keys_no_column_differs_between_a_and_b_and_none_tells_the_true_arm():
    """The sum of 200 squared standard scores is chi-squared; the old A and B gave thousands."""
    rows = [
        row._replace(age=60 + n % 30, randomized_on=date(2023, 1, 1) + timedelta(days=n))
        for n, row in enumerate(ARMS)
    ]
    number_of = {str(row.randomized_on): n for n, row in enumerate(rows)}
    scores: dict[str, list[float]] = defaultdict(list)
    for n in range(200):
        drawn = lines(dummy(rows, f"key {n}".encode()))
        in_a = [row["dummy_arm"] == "A" for row in drawn]
        for name in ("dxa", "osteoporosis"):
            scores[name].append(score([row[name] == "True" for row in drawn], in_a))
        true = [rows[number_of[row["randomized_on"]]].arm == "screening" for row in drawn]
        early = [int(row["row"]) <= 70 for row in drawn]
        old = [number_of[row["randomized_on"]] % 70 < 35 for row in drawn]
        told = {"true arm": true, "row": early, "age": [row["age"] >= "75" for row in drawn], "number": old}
        for name, marked in told.items():
            scores[name].append(score(marked, in_a))
        scores["order"].append(score(true, early))

    for name, found in scores.items():
        p = float(chi2.sf(sum(z * z for z in found), len(found)))
        assert 0.001 < p < 0.999, f"{name}: p = {p}"
        assert abs(sum(found)) < 3.3 * len(found) ** 0.5, f"{name} leans to one letter"


def test_no_row_of_the_dummy_dataset_has_the_baseline_and_the_outcomes_of_one_person():
    """Whoever works out which baselines are an arm's, from means by letter, has learned no outcome of it."""
    rows = [
        row._replace(bmi=float(n), randomized_on=date(2023, 1, 1) + timedelta(days=n))
        for n, row in enumerate(ARMS)
    ]
    own = []
    for n in range(20):
        drawn = lines(dummy(rows, f"key {n}".encode()))
        days = [(date.fromisoformat(row["randomized_on"]) - date(2023, 1, 1)).days for row in drawn]
        assert sorted(float(row["bmi"]) for row in drawn) == sorted(map(float, days)), (
            "all baselines are there"
        )
        own.append(sum(float(row["bmi"]) == day for row, day in zip(drawn, days, strict=True)))

    assert sum(own) / 20 < 3, "one in all is to be expected by chance"


def score(marked: list[bool], chosen: list[bool]) -> float:
    """Return how far the marked lie among the chosen, in standard deviations of a fair draw."""
    n, k, m = len(marked), sum(marked), sum(chosen)
    expected = m * k / n
    spread = expected * (n - k) / n * (n - m) / (n - 1)
    return (sum(a and b for a, b in zip(marked, chosen, strict=True)) - expected) / spread**0.5


def test_the_key_of_a_dummy_allocation_is_the_freeze_s_own_and_secret(world, settings):
    randomized(world, 24)  # among so many no two deals are alike by chance
    make = DOWNLOADS["dataset-dummy.csv"].make
    one, other = freeze(world), freeze(world)

    first = make(one)

    assert first == make(Freeze.objects.get(pk=one.pk)), "the same bytes each time"
    assert one.sha256 == other.sha256 and make(other) != first, "the rows' hash does not tell the key"
    settings.IDENTITY_KEY = "the key of another installation"
    assert make(one) != first, "nor does anything that is published"


def test_the_codebook_says_of_each_column_what_became_of_it_in_the_dummy_dataset(world):
    randomized(world, 2)

    told = {
        line["name"]: line["dummy dataset"] for line in lines(DOWNLOADS["codebook.csv"].make(freeze(world)))
    }

    assert "at random" in told["arm"] and "nothing about the true arm" in told["arm"]
    assert told["called"].startswith("left out") and told["risk_class"].startswith("left out")
    assert told["dxa"] == "as it is"


def test_the_pooled_view_adds_the_arms_up():
    assert [tuple(line) for line in pooled([*ARMS, person(dxa=True)])] == [
        ("All DXA examination", "33/140 (23.6%)"),
        ("New-onset osteoporosis (primary endpoint)", "33/140 (23.6%)"),
        ("All anti-osteoporotic medications", "0/140 (0.0%)"),
    ]
