"""Freezes stay as they were, reports say what is in them, and who is blind holds nothing that tells an arm."""

import csv
import gzip
import io
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection

from analysis import dataset, services
from analysis.masking import REVEALING, pooled, scrambled_csv
from analysis.models import Freeze
from analysis.subjects import CODEBOOK
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
    return services.freeze(world.trial, purpose=purpose, by=world.trial_statistician)


def scan(who: Participant, t_score: str = "-2.7") -> None:
    measured = [Measurement(MeasurementSite.LUMBAR_SPINE, Decimal(t_score))]
    outcomes.record_dxa(who, exam_date=parse("2023-01-20"), measurements=measured, by=None)


# --- freezing -----------------------------------------------------------------------------------------------


def test_a_freeze_holds_the_record_as_it_stands_with_all_that_made_it(world, settings):
    randomized(world, 4)

    frozen = freeze(world)

    built = dataset.build(world.trial, frozen.cut_off)
    assert gzip.decompress(bytes(frozen.subjects)).decode() == built.csv == services.subjects_csv(frozen)
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
            services.freeze(world.trial, purpose="Curiosity", by=nobody)
    with pytest.raises(Refused, match="what this freeze is for"):
        freeze(world, "  ")

    assert not Freeze.objects.exists()


def test_freezes_are_numbered_and_an_unchanged_record_needs_no_second_one(world):
    who = randomized(world, 2)[0].participant
    first, second = freeze(world), freeze(world)

    same = services.freeze_if_changed(world.trial, purpose="Again", by=world.trial_statistician)
    scan(who)
    changed = services.freeze_if_changed(world.trial, purpose="Again", by=world.trial_statistician)

    assert (first.number, second.number, same.pk, changed.number) == (1, 2, second.pk, 3)
    assert first.sha256 == second.sha256 != changed.sha256


def test_a_film_that_came_meanwhile_changes_a_freeze_though_no_row_does(world):
    who = randomized(world, 2)[0].participant
    first = freeze(world)
    add_film(world, who)

    second = services.freeze_if_changed(world.trial, purpose="Again", by=world.trial_statistician)

    assert (second.number, second.sha256) == (2, first.sha256)
    assert (first.intake["scored"], second.intake["scored"]) == (2, 3)


def test_a_freeze_is_never_changed_whatever_happens_to_the_record(world):
    allocations = randomized(world, 4)
    frozen = freeze(world)
    before = services.subjects_csv(frozen)
    scan(in_arm(allocations, "screening"))

    for statement in ("UPDATE analysis_freeze SET sha256 = ''", "DELETE FROM analysis_freeze"):
        assert "permission denied" in refusal(statement)
        with as_owner(connection):
            assert "never" in refusal(statement)
    assert services.subjects_csv(Freeze.objects.get()) == before


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
    frozen.subjects = gzip.compress(tamper(services.subjects_csv(frozen)).encode())

    for use in (services.subjects_csv, services.report):
        with pytest.raises(Refused, match="does not match its hash"):
            use(frozen)


def test_a_freeze_with_a_damaged_byte_is_refused(world):
    randomized(world, 2)
    frozen = freeze(world)
    sound = bytes(frozen.subjects)

    for place in (0, 12, len(sound) // 2, len(sound) - 3):
        frozen.subjects = sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :]
        with pytest.raises(Refused, match="does not match its hash"):
            services.subjects_csv(frozen)
    frozen.subjects = sound[:-9]
    with pytest.raises(Refused, match="does not match its hash"):
        services.subjects_csv(frozen)


# --- reports ------------------------------------------------------------------------------------------------


def test_a_report_counts_what_the_freeze_holds_and_nothing_later(world):
    allocations = randomized(world, 6)
    make_participant(world, birth_date="1990")
    for who in [a.participant for a in allocations if a.arm == "screening"][:2]:
        scan(who)
    frozen = freeze(world)
    scan(in_arm(allocations, "control"))

    told = services.report(frozen)

    assert told.primary.counts == (2, 3, 0, 3)
    assert {box.key: box.n for box in told.flow.stem} == {
        "received": 6,
        "scored": 6,
        "registered": 7,
        "eligible": 6,
        "high_risk": 6,
        "randomized": 6,
    }
    for table in told.tables.values():
        assert table.rows
    assert services.report(Freeze.objects.get()) is told, "the same freeze is computed once"


def test_a_report_of_a_trial_that_has_only_begun_is_no_error(world):
    make_participant(world)

    told = services.report(freeze(world))

    assert told.flow.stem[-1].n == 0 and told.primary.counts == (0, 0, 0, 0)


def test_who_was_not_randomized_though_at_high_risk_is_in_the_flow(world):
    randomized(world, 2)
    for _ in range(2):
        add_film(world, make_participant(world))
    cohort.assess_trial(world.trial, by=None)
    cohort.sum_up_films(world.trial, people=Participant.objects.filter(state="eligible"), by=None)

    told = services.report(freeze(world)).flow

    assert {p.label: p.n for p in told.left["high_risk"].parts} == {"not in the cohort": 2}


# --- for those who are blind --------------------------------------------------------------------------------


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_column_is_one_that_tells_the_arm_or_one_that_does_not():
    """A new column makes this fail until somebody has thought about what it tells."""
    harmless = {
        *(
            "study_number",
            "site",
            "sex",
            "age",
            "iscd_age_sex",
            "eligible",
            "ineligibility_reasons",
            "risk_class",
        ),
        *("films_counted", "films_positive", "arm", "randomized_on", "not_randomized_reason", "died"),
        *("dxa", "dxa_lumbar_spine", "dxa_hip", "dxa_class_any", "osteoporosis", "osteoporosis_lumbar_spine"),
        *("osteoporosis_hip", "treated", "drugs", *dataset.BASELINE_FIELDS),
    }

    assert {v.name for v in CODEBOOK} == harmless | REVEALING and not harmless & REVEALING


def test_scrambled_rows_name_no_arm_and_keep_people_together():
    rows = [
        replace(row, called=True, consented=True, contact_outcome="accepted", dxa_trial=True)
        for row in ARMS[:30]
    ]
    text = dataset.to_csv(rows + ARMS[30:])

    masked = lines(scrambled_csv(text, b"a key"))

    assert "screening" not in scrambled_csv(text, b"a key") and "control" not in scrambled_csv(text, b"a key")
    assert not REVEALING & set(masked[0])
    groups = defaultdict(set)
    for plain, scrambled in zip(lines(text), masked, strict=True):
        assert plain["study_number"] == scrambled["study_number"]
        groups[plain["arm"]].add(scrambled["arm"])
    assert sorted(map(sorted, groups.values())) == [["A"], ["B"]]
    assert Counter(row["arm"] for row in masked) == {"A": 70, "B": 70}


def test_which_arm_is_a_depends_on_the_key_alone():
    text = dataset.to_csv([*ARMS, person()])

    codes = [{row["arm"] for row in lines(scrambled_csv(text, bytes([n])))[:70]}.pop() for n in range(40)]

    assert {"A", "B"} == set(codes), "no fixed letter for an arm"
    assert lines(scrambled_csv(text, b"k"))[-1]["arm"] == "", "who was not randomized has no letter"
    assert scrambled_csv(text, b"k") == scrambled_csv(text, b"k")


def test_the_pooled_view_adds_the_arms_up():
    assert [tuple(line) for line in pooled([*ARMS, person(dxa=True)])] == [
        ("All DXA examination", "33/140 (23.6%)"),
        ("New-onset osteoporosis (primary endpoint)", "33/140 (23.6%)"),
        ("All anti-osteoporotic medications", "0/140 (0.0%)"),
    ]
