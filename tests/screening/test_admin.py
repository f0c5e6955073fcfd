"""What screening adds to the admin: randomizing, stopping, films without scores, exams without route."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from screening.densitometry import Measurement, MeasurementSite
from screening.models import Appointment, DxaExam, Radiograph, Receipt, Referral, RiskAssessment, Score
from screening.referrals import AppointmentEvent
from screening.services import explaining, outcomes, referral
from screening.vocabulary import FilmState
from tests.admin import act_url, booked, do, list_of, masked, noon, page_of
from tests.browsing import browser, words
from tests.dicom import chest_film
from tests.factories import (
    PASSWORD,
    add_film,
    high_risk,
    in_arm,
    make_participant,
    make_world,
    randomized,
    referral_of,
)
from trial import audit, clock
from trial.models import Allocation, Cohort, Participant
from trial.partial_dates import PartialDate
from trial.protocol import template
from trial.services.trials import Refused


@pytest.fixture
def one_by_one(db):
    """A trial that randomizes each participant as they come, in blocks of four."""
    blocks = {"allocation.method": "permuted_blocks", "allocation.block_sizes": [4]}
    return make_world(protocol=template("opscan").amended(blocks, note="For a test."))


def test_the_coordinator_randomizes_by_an_act_and_sees_the_slip(
    one_by_one, django_capture_on_commit_callbacks
):
    world = one_by_one
    (person,) = high_risk(world)
    asked = words(browser(world.coordinator).get(f"{act_url(person, 'randomize')}?row={person.pk}"))
    assert "There is no way back" in asked and f"Randomize {person}" in asked
    with django_capture_on_commit_callbacks(execute=True):
        slip = do(world.coordinator, "randomize", person)
    made = Allocation.objects.get(participant=person)
    assert slip.redirect_chain[-1][0] == page_of(person, "slip")
    assert f"{person} is randomized" in words(slip)
    assert f" {made.arm} " in words(slip) and str(made.randomized_on) in words(slip)
    assert ("the offer ends on" in words(slip)) == (made.arm == "screening")

    again = do(world.coordinator, "randomize", person)
    assert again.redirect_chain[-1][0] == page_of(person, "slip")
    assert "nothing new was drawn" in words(again)
    assert Allocation.objects.count() == 1


def test_several_are_randomized_from_the_list_and_each_is_answered(one_by_one):
    world = one_by_one
    people = [*high_risk(world, 2), make_participant(world)]
    picked = {"action": "randomize", "_selected_action": [p.pk for p in people]}
    asked = browser(world.coordinator).post(list_of(Participant), picked)
    assert "For 3:" in words(asked) and all(str(person) in words(asked) for person in people)
    assert not Allocation.objects.exists()
    told = words(do(world.coordinator, "randomize", *people))
    assert told.count("✓ done") == 2 and told.count("✗ not done") == 1
    assert "Not randomized: No usable radiograph" in told
    assert Allocation.objects.count() == 2


def test_who_may_not_randomize_finds_no_such_act(one_by_one):
    world = one_by_one
    (person,) = high_risk(world)
    for role in ("data_manager", "investigator", "monitor", "inspector", "randomization_statistician"):
        user = getattr(world, role)
        assert do(user, "randomize", person).status_code == 404
        offered = browser(user).get(page_of(person)).context["act_links"]
        assert "randomize" not in [act.name for act, _ in offered]
    assert not Allocation.objects.exists()


def test_a_cohort_is_frozen_and_randomized_as_a_whole(world):
    people = high_risk(world, 4)
    make_participant(world)
    alone = do(world.coordinator, "randomize", people[0])
    assert alone.status_code == 422 and "freeze the cohort" in words(alone)
    told = do(world.coordinator, "freeze-cohort", world.trial)
    assert "A cohort of 4 is frozen" in words(told)
    frozen = Cohort.objects.get()
    unsigned = do(world.coordinator, "randomize", frozen)
    assert unsigned.status_code == 422 and "when 2 people have signed it" in words(unsigned)
    for signer in (world.coordinator, world.investigator):
        do(signer, "sign", frozen, password=PASSWORD)
    assert "4 participants are randomized" in words(do(world.coordinator, "randomize", frozen))
    assert "nothing new was drawn" in words(do(world.coordinator, "randomize", frozen))
    arms = list(Allocation.objects.values_list("arm", flat=True))
    assert sorted(arms) == ["control"] * 2 + ["screening"] * 2
    assert Referral.objects.count() == 2


def test_an_empty_cohort_is_refused_with_words(world):
    told = do(world.coordinator, "freeze-cohort", world.trial)
    assert told.status_code == 422 and "there is no cohort to freeze" in words(told)


def test_eligibility_is_assessed_with_its_reasons(world):
    young = make_participant(world, birth_date="1990-01-01")
    add_film(world, young)
    told = words(do(world.coordinator, "assess", young))
    assert "is not eligible" in told and "1990" not in told.split("is not eligible")[0]
    assert "not eligible." in words(browser(world.monitor).get(page_of(young)))


def test_a_control_participant_s_score_is_nowhere_for_the_coordinator(world):
    allocations = randomized(world)
    control, screening = in_arm(allocations, "control"), in_arm(allocations, "screening")
    low = make_participant(world)
    add_film(world, low, mean="0.1")
    for_coordinator = browser(world.coordinator)
    for model in (Score, RiskAssessment):
        shown = words(for_coordinator.get(list_of(model)))
        assert str(screening) in shown and str(control) not in shown and str(low) not in shown
        everything = words(browser(world.randomization_statistician).get(list_of(model)))
        assert str(control) in everything
    hidden = Score.objects.get(radiograph__participant=control)
    for row in (hidden, control.risk):
        for page in ("change", "history"):
            assert for_coordinator.get(page_of(row, page)).status_code == 404
    assert " high " in words(for_coordinator.get(page_of(screening)))
    for page in ("change", "history", "slip"):
        shown = words(for_coordinator.get(page_of(control, page)))
        assert " high " not in shown and "0.9" not in shown
    assert "0.9" not in words(for_coordinator.get(page_of(control.radiographs.get())))
    assert for_coordinator.get(page_of(control.allocation)).status_code == 200
    for page in ("change", "history"):
        assert "films_positive" not in for_coordinator.get(page_of(control.allocation, page)).content.decode()


def test_the_list_of_scores_can_t_be_asked_about_the_others(world):
    randomized(world)
    page = browser(world.coordinator)
    for asked in (
        "mean__gt=0.5",
        "radiograph__participant__allocation__arm=control",
        "probabilities__contains=1",
    ):
        assert page.get(list_of(Score, f"?{asked}")).status_code == 400
        assert page.get(list_of(Radiograph, f"?scores__{asked}")).status_code == 400


def test_a_withdrawal_stops_calls_and_appointments_and_keeps_the_record(world):
    person = booked(world)
    assert do(world.coordinator, "withdraw", person).status_code == 422  # why?
    told = do(world.coordinator, "withdraw", person, reason="No time for this.")
    assert "nobody calls them" in words(told)
    assert Referral.objects.get(allocation__participant=person).state == "stopped"
    assert Appointment.objects.get().state == "cancelled"
    shown = words(browser(world.coordinator).get(page_of(person)))
    assert "withdrawn" in shown and "No time for this." in shown and "not to be called" in shown
    offered = [act.name for act, _ in browser(world.coordinator).get(page_of(person)).context["act_links"]]
    assert "withdraw" not in offered and "randomize" not in offered and "death" in offered
    assert "This participant is withdrawn" in words(do(world.coordinator, "withdraw", person, reason="again"))


def test_a_death_and_an_objection_stop_the_calls(world):
    allocations = randomized(world)
    first, second = [a.participant for a in allocations if a.arm == "screening"][:2]
    do(world.coordinator, "object", first)
    assert referral_of(first).state == "stopped"
    later = clock.today(world.site) + timedelta(days=2)
    refused = do(world.coordinator, "death", second, died_on=str(later))
    assert refused.status_code == 422 and "lies in the future" in words(refused)
    assert str(later) in refused.content.decode()
    assert do(world.coordinator, "death", second, died_on="last week").status_code == 422
    do(world.coordinator, "death", second, died_on=f"{later.year}-01")
    assert referral_of(second).state == "stopped"
    assert Participant.objects.get(pk=second.pk).died_on == f"{later.year}-01"


def test_films_are_listed_with_state_and_reason_and_never_a_score(world):
    person = make_participant(world)
    film, lateral = add_film(world, person, mean="0.7312"), add_film(world, person)
    with audit.context(by=None, why="a test", how="test"):
        lateral.state, lateral.reason = FilmState.SET_ASIDE, "lateral"
        lateral.save()
    page = browser(world.radiology_it)
    shown = words(page.get(list_of(Radiograph, "?step=set_aside")))
    assert str(lateral) in shown and str(film) not in shown
    assert "a frontal one is needed" in words(page.get(page_of(lateral)))
    assert "0.73" not in words(page.get(page_of(film)))
    assert "state: scored → set aside" in words(page.get(page_of(lateral, "history")))
    for model in (Score, RiskAssessment, Participant, DxaExam):
        assert page.get(list_of(model)).status_code == 403
    assert page.get(list_of(Receipt)).status_code == 200


def test_an_exam_of_the_trial_looks_like_one_by_a_physician(world):
    person = booked(world)
    other = in_arm(list(Allocation.objects.select_related("participant")), "control")
    referral.end_appointment(Appointment.objects.get(), event=AppointmentEvent.ATTEND, by=world.caller)
    day = PartialDate.of(noon(23).date())
    measured = [Measurement(MeasurementSite.TOTAL_HIP, t_score=Decimal("-2.8"))]
    exams = [
        outcomes.record_dxa(p, exam_date=day, measurements=measured, by=world.outcome_recorder)
        for p in (person, other)
    ]
    assert exams[0].appointment and not exams[1].appointment
    for role in ("monitor", "investigator", "data_manager"):
        page = browser(getattr(world, role))
        for name in ("change", "history"):
            one, two = (page.get(page_of(exam, name)) for exam in exams)
            assert "total hip" in words(one) or name == "history"
            assert masked(one, person, exams[0]) == masked(two, other, exams[1])
        assert page.get(list_of(DxaExam, "?appointment__isnull=0")).status_code == 400
        assert page.get(list_of(Appointment)).status_code == 403
        assert page.get(list_of(Referral)).status_code == 403


def test_outcomes_are_not_the_coordinator_s_to_see(world):
    person = make_participant(world)
    measured = [Measurement(MeasurementSite.TOTAL_HIP, t_score=Decimal("-2.8"))]
    exam = outcomes.record_dxa(
        person, exam_date=PartialDate(2022, 5), measurements=measured, by=world.outcome_recorder
    )
    page = browser(world.coordinator)
    assert page.get(list_of(DxaExam)).status_code == 403
    assert page.get(page_of(exam)).status_code == 404
    assert "-2.8" not in words(page.get(page_of(person)))
    assert "-2.8" in words(browser(world.monitor).get(page_of(person)))


def test_whoever_may_see_a_score_sees_what_moved_the_model_and_nobody_else(world, caplog):
    allocations = randomized(world)
    shown, hidden = (
        Score.objects.filter(radiograph=add_film(world, in_arm(allocations, arm))).get()
        for arm in ("screening", "control")
    )
    pages = [reverse("admin:screening_score_saliency", args=[score.pk]) for score in (shown, hidden)]
    coordinator = browser(world.coordinator)

    assert "What moved the model" in words(coordinator.get(page_of(shown)))
    page = coordinator.get(pages[0])
    assert "Not for diagnosis" in words(page) and "nothing to explain" in words(page)
    assert coordinator.get(f"{pages[0]}?picture=1").status_code == 409

    default_storage.save("radiographs/none.dcm", ContentFile(chest_film()))
    caplog.set_level("INFO", logger="screentrial.access")
    assert b"?picture=1" in coordinator.get(pages[0]).content
    picture = coordinator.get(f"{pages[0]}?picture=1")
    assert picture.headers["Content-Type"] == "image/png" and b"NOT FOR DIAGNOSIS" in picture.content
    assert "no-store" in picture.headers["Cache-Control"]
    assert f"arm shown to user {world.coordinator.pk}: score {shown.pk}" in caplog.messages

    for address in (pages[1], f"{pages[1]}?picture=1"):
        assert coordinator.get(address).status_code == 404  # a score outside the screening arm
        assert browser(world.inspector).get(address).status_code == 200
    assert browser(world.caller).get(f"{pages[0]}?picture=1").status_code in (403, 404)


def test_a_map_is_made_by_the_model_that_made_the_score_or_not_at_all(world):
    score = Score.objects.get(radiograph=add_film(world, make_participant(world)))
    default_storage.save("radiographs/none.dcm", ContentFile(chest_film()))
    score.model_version.sha256 = "0" * 64
    with pytest.raises(Refused, match="not those of model"):
        explaining.explain(score)
