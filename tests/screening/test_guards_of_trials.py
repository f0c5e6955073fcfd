"""What holds for every row of a trial: its own protocol, its trial not locked, days that exist."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from analysis.models import (
    AnalysisPlan,
    AnalysisSignature,
    Freeze,
    InterimLook,
    LookRecommendation,
    Unblinding,
)
from screening.models import (
    Appointment,
    CovariateScore,
    Diagnosis,
    DxaExam,
    FilmDecision,
    ModelSignature,
    Radiograph,
    Referral,
    SiteIntake,
    Standstill,
    Treatment,
)
from screening.services import referral, scoring
from tests.factories import add_film, copy, end, forget, make_participant, make_world, refusal, sql
from tests.stage import Stage, make_stage
from trial import audit
from trial.models import (
    Clinical,
    Erasure,
    Participant,
    ProtocolVersion,
    Reconciliation,
    Signature,
    Site,
    SiteDay,
    Stratum,
    Trial,
)
from trial.services import conduct, lists, merges, people
from trial.services.trials import NotNow
from trial.states import TrialState

pytestmark = pytest.mark.django_db
# What makes a trial rather than what happens in it; datasets are frozen once it is locked.
# Whoever asks to be forgotten is, in a locked trial too; a model is signed for every trial. What is analyzed, by which
# plan, is decided once nothing can change any more.
OF_THE_ANALYSIS = {Freeze, AnalysisPlan, AnalysisSignature, Unblinding, InterimLook, LookRecommendation}
NOT_IN_A_TRIAL = {Trial, ProtocolVersion, Site, Stratum, Erasure, ModelSignature} | OF_THE_ANALYSIS
ROWS = [m for m in apps.get_models() if issubclass(m, Clinical) and m not in NOT_IN_A_TRIAL]
FIRST = {
    Referral: {"state": "open"},
    Appointment: {"state": "booked"},
    Signature: {"meaning": "protocol"},  # inspectors come after the lock, and their entry is signed then
}


def one_of_each(stage: Stage) -> dict[type, Any]:
    """Return a row of every model that a trial's record is made of."""
    sql(
        "INSERT INTO trial_cohort (id, occurred_at, trial_id, manifest, sha256, size, frozen_by_id,"
        " protocol_version_id) SELECT gen_random_uuid(), now(), id, '[]', '', 0, %s, %s FROM trial_trial",
        stage.world.coordinator.pk, stage.world.trial.protocol_version.pk,
    )  # fmt: skip
    trial, by = stage.world.trial, stage.world.randomization_statistician
    twins = [make_participant(stage.world) for _ in range(2)]
    merges.merge(twins[0], into=twins[1], reason="A test.", by=stage.world.coordinator)
    lists.change_key(trial, reason="A test.", by=by)
    with audit.context(by=by, why="a test", how="test"):
        SiteDay.objects.create(site=stage.world.site, day="2023-02-02", opening="closed", reason="x")
        stamped = conduct.stamp(trial, None)
        Reconciliation.objects.create(trial=trial, size=0, sha256="", done_by=by, **stamped)
        model = {"model_version": stage.world.model, "covariates": {}, "probability": "0.5"}
        CovariateScore.objects.create(participant=stage.screening, **model, **stamped)
        SiteIntake.objects.create(site=stage.world.site)
        Standstill.objects.create(trial=trial, reason="x")
        held = Radiograph.objects.filter(state="set_aside").first()
        FilmDecision.objects.create(
            radiograph=held,
            decision="keep_out",
            held_for=held.reason,
            reason="x",
            decided_by=stage.world.coordinator,
        )
    return {model: model.objects.first() for model in ROWS}


def test_every_row_is_under_its_own_trial_s_protocol_and_none_is_of_a_frozen_or_locked_trial(db):
    stage = make_stage()
    rows = one_of_each(stage)
    other = make_world("OTHER").trial.protocol_version.pk
    assert [model.__name__ for model, row in rows.items() if not row] == [] and len(rows) > 15

    for model, row in rows.items():
        if hasattr(row, "protocol_version_id"):
            strange = copy(row, protocol_version_id=other, **FIRST.get(model, {}))
            assert "belongs to another trial" in refusal(*strange), model
    for state in (TrialState.FROZEN, TrialState.LOCKED):
        end(stage.world, state)
        for model, row in rows.items():
            assert f"is {state}" in refusal(*copy(row, **FIRST.get(model, {}))), model
            if changes(model):
                assert f"is {state}" in refusal(f"UPDATE {model._meta.db_table} SET {changes(model)}"), model
    assert "never goes from locked" in refusal(
        "UPDATE trial_trial SET state = 'active' WHERE state = 'locked'"
    )


def changes(model: Any) -> str:
    """Return a change that the app role may try on a table, if any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'UPDATE')", [model._meta.db_table])
        if not cursor.fetchone()[0]:
            return ""
    return "sex = 'male'" if model is Participant else "id = id"


def test_a_locked_trial_says_so_and_holds_up_no_other(world):
    person, other = make_participant(world), make_world("OTHER")
    film, theirs = (add_film(w, make_participant(w)) for w in (world, other))
    sql("UPDATE screening_radiograph SET state = 'eligible'")
    end(world, TrialState.LOCKED)

    for act in (
        lambda: make_participant(world),
        lambda: people.correct_person(person, by=world.data_manager, why="Typing error", sex="male"),
        lambda: people.record_baseline(person, by=world.data_manager, why="Chart", values={"bmi": "21.5"}),
    ):
        with pytest.raises(NotNow, match="is locked: its data no longer change"):
            act()
    assert scoring.claim_waiting() == [theirs.pk]
    assert not scoring.score_film(film.pk)


def test_nothing_is_booked_or_closed_once_the_trial_is_locked(db):
    stage = make_stage()
    world, offer = stage.world, Referral.objects.filter(state="open").first()
    sql("UPDATE trial_trial SET clock_offset_days = clock_offset_days - 300")
    late = Referral.objects.all()
    end(world, TrialState.LOCKED)

    with pytest.raises(NotNow, match="is locked"):
        referral.settle(offer, event=referral.ReferralEvent.EXPIRE, by=world.coordinator)
    assert referral.expire_over(late, by=world.coordinator) == 0


def test_who_asks_to_be_forgotten_is_forgotten_in_a_locked_trial_too(world):
    person = make_participant(world, name="Marigold Quill")
    end(world, TrialState.LOCKED)

    forget(person, world)

    assert Participant.objects.get().do_not_call
    assert people.reveal(person, by=world.data_manager).name == "erased"


@pytest.mark.parametrize(
    ("model", "column", "values"),
    [
        (
            DxaExam,
            "exam_date",
            {"device": "", "reference_database": "", "menopausal_status": "", "frax_model": ""},
        ),
        (Diagnosis, "diagnosed_on", {"code": "osteoporosis"}),
        (Treatment, "started_on", {"drug_class": "denosumab"}),
    ],
)
def test_a_finding_is_of_a_day_that_the_calendar_has(world, model, column, values):
    row = {"source": "test", "entered_in_error": False, "participant_id": make_participant(world).pk} | values
    row |= {"protocol_version_id": world.trial.protocol_version.pk}
    written = (
        f"INSERT INTO {model._meta.db_table} (id, occurred_at, {column}, {', '.join(row)})"
        f" VALUES (gen_random_uuid(), now(), %s{', %s' * len(row)})"
    )

    for text in ("2023-02-31", "2023-02-29", "2023-13", "", "soon", "2023-2-1", "２０２３"):
        assert f"{column}_form" in refusal(written, text, *row.values())
    for text in ("2023", "2023-02", "2024-02-29"):
        sql(written, text, *row.values())
