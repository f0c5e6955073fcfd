"""The admin by role: who comes in, what each finds, what can't be asked, and what acts leave behind."""

import logging
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.urls import reverse

from screening.models import Appointment, Radiograph, Referral
from screening.referrals import AppointmentEvent
from screening.services import referral
from tests.admin import act_url, booked, do, list_of, masked, page_of
from tests.browsing import browser, words
from tests.factories import (
    PASSWORD,
    appoint,
    in_arm,
    make_participant,
    make_user,
    make_world,
    pinned,
    randomized,
    referral_of,
    sql,
)
from trial import clock
from trial.admin_forms import no_arm
from trial.models import (
    Allocation,
    Cohort,
    Consent,
    Membership,
    Participant,
    ProtocolDeviation,
    ProtocolVersion,
    Trial,
    User,
)
from trial.protocol import template
from trial.roles import Role
from trial.services import conduct, delegation, people, protocols

INDEX = "/admin/"
BLINDED = ("data_manager", "investigator", "monitor")


def test_nobody_enters_the_admin_without_a_role_that_works_there(world):
    inside = {role for role in Role if browser(world.cast[role]).get(INDEX).status_code == 200}
    assert {r.value for r in Role} - {r.value for r in inside} == {
        "caller",
        "outcome_recorder",
        "trial_statistician",
        "monitoring_committee",
    }
    refused = browser(world.caller).get(INDEX)
    assert refused.status_code == 403
    assert "include this page" in words(refused)


def test_a_superuser_without_a_role_gets_nothing_and_with_one_gets_its_share(world):
    root = make_user("root")
    sql("UPDATE trial_user SET is_staff = true, is_superuser = true WHERE id = %s", root.pk)
    root.refresh_from_db()
    assert browser(root).get(INDEX).status_code == 403
    assert browser(root).get(list_of(Participant)).status_code == 403
    control = in_arm(randomized(world), "control")

    appoint(world, root, Role.RADIOLOGY_IT)
    assert browser(root).get(list_of(Radiograph)).status_code == 200
    assert browser(root).get(list_of(Participant)).status_code == 403
    assert browser(root).get(page_of(control)).status_code == 404
    assert browser(root).get(page_of(control.allocation)).status_code == 404
    assert browser(root).get("/admin/auth/group/").status_code == 404
    assert browser(root).get("/admin/axes/accessattempt/").status_code == 404


def test_a_role_that_ended_ends_the_session_s_power_at_once(world):
    page = browser(world.coordinator)
    assert page.get(INDEX).status_code == 200
    delegation.end_entry(world.coordinator.memberships.get(), reason="leaves", by=world.investigator)
    assert page.get(INDEX).status_code == 403


def test_there_is_one_sign_in_page(client, world):
    asked = client.get(INDEX, follow=True)
    assert asked.redirect_chain[-1][0] == "/accounts/login/?next=/admin/"
    client.post("/admin/login/", {"username": world.coordinator.username, "password": PASSWORD})
    assert client.get(INDEX).status_code == 302
    assert browser(world.caller).get("/admin/login/?next=/admin/").status_code == 403


def test_another_trial_is_not_there(world):
    elsewhere = make_participant(make_world("OTHER"))
    page = browser(world.coordinator)
    for address in (page_of(elsewhere), page_of(elsewhere, "history"), page_of(elsewhere, "identity")):
        assert page.get(address).status_code == 404
    assert str(elsewhere) not in words(page.get(list_of(Participant)))
    assert "OTHER" not in words(page.get(list_of(Participant)))
    assert page.get(f"{act_url(Participant, 'withdraw')}?row={elsewhere.pk}").status_code == 404
    assert do(world.coordinator, "withdraw", elsewhere, reason="wants to").status_code == 404


def an_unequal_pair(world):
    """Return a participant of each arm: the one called, consenting, missing an appointment, objecting."""
    screening = booked(world)
    control = in_arm(list(Allocation.objects.select_related("participant")), "control")
    missed = Appointment.objects.get()
    referral.end_appointment(missed, event=AppointmentEvent.MISS, by=world.caller)
    conduct.record_deviation(
        world.trial,
        participant=screening,
        category="scan outside window",
        severity="minor",
        description="Scanned late.",
        by=None,
    )
    referral.object_to_calls(screening, by=world.caller)
    return screening, control


@pytest.mark.parametrize("role", BLINDED)
def test_to_a_blinded_role_the_arms_look_alike_on_every_page_and_in_the_history(world, role):
    pair = an_unequal_pair(world)
    page = browser(world.cast[Role(role)])
    for name in ("change", "history", "slip"):
        one, other = (page.get(page_of(p, name)) for p in pair)
        assert one.status_code == 200
        assert masked(one, *pair) == masked(other, *pair), name
    for model in (Consent, ProtocolDeviation):
        assert str(pair[0]) not in words(page.get(list_of(model)))
    for row in (pair[0].allocation, Consent.objects.get(kind="consent"), referral_of(pair[0])):
        assert page.get(page_of(row)).status_code == 404
        assert page.get(page_of(row, "history")).status_code == 404
    shown = words(page.get(list_of(Participant)))
    assert "Randomized on" in shown
    assert " Arm " not in shown and " control " not in shown


def test_the_coordinator_sees_on_the_same_pages_what_the_blinded_don_t(world):
    screening, control = an_unequal_pair(world)
    page = browser(world.coordinator)
    assert " screening " in words(page.get(page_of(screening)))
    assert " control " in words(page.get(page_of(control)))
    assert "do not call: no → yes" in words(page.get(page_of(screening, "history")))
    assert str(screening) in words(page.get(list_of(Consent)))
    assert str(screening) in words(page.get(list_of(ProtocolDeviation)))


ORACLES = (
    "allocation__arm=control",
    "allocation__isnull=0",
    "allocation__sequence__gt=1",
    "risk__risk_class=high",
    "radiographs__scores__mean__gt=0.5",
    "do_not_call=1",
    "do_not_call__exact=1",
    "site__participants__allocation__arm=control",
    "site__id__exact__participants__allocation__arm=control",
    "shown_arm=control",
    "shown_arm__exact=control",
    "person__identity_hash__gte=0",
    "study_number__startswith=D",
)


@pytest.mark.parametrize("role", ("coordinator", "data_manager"))
def test_a_list_answers_only_what_its_filters_ask(world, role):
    page = browser(world.cast[Role(role)])
    answered = [asked for asked in ORACLES if page.get(list_of(Participant, f"?{asked}")).status_code != 400]
    assert answered == []


def test_sorting_by_the_arm_s_column_changes_nothing(world):
    randomized(world)
    page = browser(world.coordinator)
    plain = [str(p) for p in page.get(list_of(Participant)).context["cl"].result_list]
    for column in range(1, 10):
        ordered = page.get(list_of(Participant, f"?o={column}")).context["cl"]
        assert "shown_arm" not in str(ordered.queryset.query.order_by)
    assert plain == sorted(plain)


def test_no_field_can_be_posted_and_nothing_added_or_deleted(world):
    person = make_participant(world)
    page = browser(world.coordinator)
    posted = {"sex": "male", "state": "randomized", "study_number": "X", "do_not_call": "on", "_save": "Save"}
    assert page.post(page_of(person), posted).status_code == 403
    assert page.get(page_of(person, "delete")).status_code == 403
    assert page.post(page_of(person, "delete"), {"post": "yes"}).status_code == 403
    assert page.post(reverse("admin:trial_participant_add"), posted).status_code == 403
    page.post(
        list_of(Participant), {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
    )
    page.post(list_of(Participant), {"form-TOTAL_FORMS": "1", "form-0-sex": "male", "_save": "Save"})
    fresh = Participant.objects.get(pk=person.pk)
    assert (fresh.sex, fresh.state, fresh.study_number, fresh.do_not_call) == (
        "female",
        "registered",
        str(person),
        False,
    )


def test_the_study_number_finds_a_participant_and_the_hospital_number_by_post_alone(world):
    person = make_participant(world, number="A-7781")
    make_participant(world)
    page = browser(world.coordinator)
    found = page.get(list_of(Participant, f"?q={person.study_number}")).context["cl"].result_list
    assert [str(p) for p in found] == [str(person)]
    assert not page.get(list_of(Participant, "?q=A-7781")).context["cl"].result_list
    find = reverse("admin:trial_participant_find")
    assert page.post(find, {"number": " A-7781", "issuer": "TEST"}).url == page_of(person)
    assert page.post(find, {"number": "A-7781"}).url == page_of(person), "by whichever hospital"
    assert page.post(find, {"number": "A-7781", "issuer": "test"}).url == page_of(person)
    nobody = page.post(find, {"number": "A-778", "issuer": "TEST"}, follow=True)
    assert "Nobody in your trials has this number" in words(nobody)
    assert (
        browser(world.randomization_statistician)
        .post(find, {"number": "A-7781", "issuer": "TEST"})
        .status_code
        == 404
    )


def test_who_a_participant_is_is_shown_to_named_roles_and_each_look_is_logged(world, caplog):
    person = make_participant(world, name="Quill Marigold", phone="0912-345-678")
    with caplog.at_level(logging.INFO, logger="screentrial.access"):
        shown = words(browser(world.monitor).get(page_of(person, "identity")))
    assert "Quill Marigold" in shown and "0912-345-678" in shown
    assert f"identity of {person.pk} seen by user {world.monitor.pk}" in caplog.text
    assert browser(world.randomization_statistician).get(page_of(person, "identity")).status_code == 404
    assert "Quill" not in words(browser(world.coordinator).get(page_of(person)))


def test_a_deviation_is_recorded_by_an_act_and_lands_in_the_audit_trail(world):
    person = make_participant(world)
    typed = {"category": "eligibility", "severity": "major", "description": "A film of 2021 was counted."}
    told = do(world.data_manager, "deviation", person, **typed)
    assert f"A protocol deviation is recorded for {person}" in words(told)
    row = ProtocolDeviation.objects.get()
    history = words(browser(world.monitor).get(page_of(row, "history")))
    for said in (
        world.data_manager.first_name,
        "admin",
        "A protocol deviation is recorded",
        typed["description"],
    ):
        assert said in history
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        "She was randomised to control.",
        "Told that she is a control",
        "CONTROL-ARM participant",
        "arm: screening",
        "one of the screening group",
    ],
)
def test_an_arm_is_known_by_the_ways_in_which_people_name_one(said):
    with pytest.raises(ValidationError):
        no_arm(said)


@pytest.mark.parametrize(
    "said", ["A control visit was missed.", "The screening log was lost.", "Infection control called."]
)
def test_words_that_only_sound_like_an_arm_are_let_through(said):
    no_arm(said)


def test_what_an_act_asks_to_choose_is_not_chosen_beforehand(world):
    form = browser(world.coordinator).get(
        act_url(Participant, "deviation"), {"row": make_participant(world).pk}
    )
    assert '<option value="" selected>—</option>' in form.content.decode()
    told = do(
        world.coordinator, "deviation", make_participant(world), severity="minor", description="A test."
    )
    assert told.status_code == 422 and told.context["form"].errors["category"]


@pytest.mark.parametrize("field", ["description", "impact", "corrective_action"])
def test_a_deviation_that_names_an_arm_is_refused_and_keeps_what_was_typed(world, field):
    said = "A patient of the control arm was called."
    person = make_participant(world)
    typed = {"category": "other", "severity": "minor", "description": "A test."} | {field: said}
    told = do(world.coordinator, "deviation", person, **typed)
    assert told.status_code == 422
    assert "Don't name the arm" in told.context["form"].errors[field][0]
    assert said in told.content.decode()
    assert not ProtocolDeviation.objects.exists()


def test_a_correction_needs_a_reason_and_the_history_tells_old_and_new(world):
    person = make_participant(world)
    assert do(world.coordinator, "correct", person, sex="male").status_code == 422
    assert do(world.coordinator, "correct", person, reason="typing error").status_code == 422
    assert do(world.data_manager, "correct", person, sex="male", reason="typing error").status_code == 404
    do(world.coordinator, "correct", person, sex="male", birth_date="1951", reason="typing error")
    history = words(browser(world.monitor).get(page_of(person, "history")))
    assert "sex: Female → Male" in history and "birth date: 1950-06-15 → 1951" in history
    assert "typing error" in history and world.coordinator.first_name in history


def test_what_happened_earlier_bears_its_own_time_at_the_site(world):
    person = make_participant(world)
    yesterday = clock.today(world.site) - timedelta(days=1)
    earlier = {"occurred_at_0": str(yesterday), "occurred_at_1": "09:30"}
    do(world.coordinator, "consent", person, form_version="2", scope="dxa", **earlier)
    given = Consent.objects.get(participant=person)
    assert f"{world.site.local(given.occurred_at):%Y-%m-%d %H:%M}" == f"{yesterday} 09:30"
    assert given.recorded_at > given.occurred_at

    said = {"category": "other", "severity": "minor", "description": "A form was lost."}
    future = {"occurred_at_0": str(yesterday + timedelta(days=9)), "occurred_at_1": "09:30"}
    refused = do(world.data_manager, "deviation", world.trial, **said, **future)
    assert "lies in the future" in words(refused) and not ProtocolDeviation.objects.exists()
    do(world.data_manager, "deviation", world.trial, **said, **earlier)
    assert ProtocolDeviation.objects.get().occurred_at == given.occurred_at


def test_a_wrong_telephone_number_is_corrected(world):
    person = make_participant(world)
    wrong = do(world.coordinator, "correct", person, phone="call me", reason="new number")
    assert wrong.status_code == 422 and "is not a telephone number" in words(wrong)
    do(world.coordinator, "correct", person, phone="０９１２-345-678", reason="new number")
    assert people.reveal(person, by=world.coordinator).phone == "0912-345-678"
    person.refresh_from_db()
    assert (person.sex, person.birth_date) == ("female", "1950-06-15")


def test_a_person_is_registered_by_the_coordinator(world):
    typed = {
        "site": world.site.pk,
        "issuer": "TEST",
        "number": "B-1",
        "birth_date": "1949-02",
        "sex": "female",
    }
    told = do(world.coordinator, "register", model=Participant, **typed)
    person = Participant.objects.get()
    assert f"{person} is registered" in words(told)
    assert "1949-02" in words(browser(world.coordinator).get(page_of(person)))
    assert (
        do(world.coordinator, "register", model=Participant, **typed | {"birth_date": "1949-13"}).status_code
        == 422
    )
    other = make_world("OTHER").site.pk
    assert do(world.coordinator, "register", model=Participant, **typed | {"site": other}).status_code == 422


def test_whoever_has_the_number_of_somebody_registered_is_asked_about_before(world):
    person = make_participant(world, number="B-7")
    typed = {"site": world.site.pk, "number": "B-7", "birth_date": "1949-02", "sex": "female"}

    asked = do(world.coordinator, "register", model=Participant, **typed)
    assert (
        asked.status_code == 422
        and f"registered already, under another hospital or none: {person}" in words(asked)
    )
    assert 'name="somebody_else"' in asked.content.decode()
    same = do(world.coordinator, "register", model=Participant, **typed | {"issuer": "test"})
    assert f"{person} was registered before; nothing is changed" in words(same)
    assert Participant.objects.count() == 1

    done = do(world.coordinator, "register", model=Participant, **typed | {"somebody_else": "on"})
    assert "is registered" in words(done) and Participant.objects.count() == 2


def test_an_act_asks_before_it_is_done_and_a_get_never_does_it(world):
    person = make_participant(world)
    asked = browser(world.coordinator).get(
        f"{act_url(person, 'withdraw')}?row={person.pk}&confirmed=yes&reason=x"
    )
    assert "Calls, appointments and scoring stop at once" in words(asked)
    listed = {"action": "withdraw", "_selected_action": [person.pk]}
    asked = browser(world.coordinator).post(list_of(Participant), listed)
    assert f"Withdraw {person}" in words(asked)
    assert Participant.objects.get().state == "registered"


def test_a_protocol_version_is_approved_by_a_second_person_and_shows_who_gave_each_value(world):
    new = pinned(template("opscan"), world.model)
    new = new.amended({"minimum_age": 45}, note="As the ethics board asked.")
    author = make_user("two-roles")
    for role in (Role.INVESTIGATOR, Role.COORDINATOR):
        appoint(world, author, role)
    version = protocols.draft_protocol(world.trial, protocol=new, by=author)
    shown = words(browser(world.investigator).get(page_of(version)))
    assert "minimum age 45 (before: 40) ours As the ethics board asked." in shown
    assert "referral window days 180 paper" in shown
    told = do(author, "approve", version, password=PASSWORD)
    assert "A second person must approve it" in words(told)
    assert do(world.coordinator, "approve", version).status_code == 404
    do(world.investigator, "approve", version, password=PASSWORD)
    do(author, "sign", version, password=PASSWORD)
    do(world.investigator, "activate", version)
    assert list(ProtocolVersion.objects.order_by("number").values_list("state", flat=True)) == [
        "superseded",
        "active",
    ]


def test_a_version_with_open_places_is_not_approved_and_says_which(world):
    version = protocols.draft_protocol(world.trial, protocol=template("opscan"), by=world.coordinator)
    told = words(do(world.randomization_statistician, "approve", version, password=PASSWORD))
    for place in ("score.name", "score.version", "score.weights_sha256", "consent.waiver_reference"):
        assert f"{place} is" in told
    version.refresh_from_db()
    assert version.state == "draft"


def test_the_investigator_pauses_and_resumes_the_trial(world):
    assert do(world.coordinator, "pause", world.trial).status_code == 404
    assert "This field is required" in words(do(world.investigator, "pause", world.trial))
    do(world.investigator, "pause", world.trial, reason="The scanner is repaired.")
    assert Trial.objects.get().state == "paused"
    told = do(world.investigator, "lock", world.trial, reason="All is done.")
    assert "This trial is paused" in words(told) and Trial.objects.get().state == "paused"
    links = [
        act.name for act, _ in browser(world.investigator).get(page_of(world.trial)).context["act_links"]
    ]
    assert "resume" in links and "pause" not in links


def test_data_are_frozen_for_their_review_and_thawed_with_a_reason_alone(world):
    person = make_participant(world)
    deviation = {
        "category": "other",
        "severity": "minor",
        "description": "A film was late.",
        "impact": "None.",
    }
    do(world.investigator, "close", world.trial, reason="All are enrolled.")
    do(world.investigator, "freeze", world.trial, reason="The review begins.")
    assert "is frozen: its data don't change" in words(
        do(world.coordinator, "deviation", person, **deviation)
    )
    assert "This field is required" in words(do(world.investigator, "unfreeze", world.trial))
    told = words(do(world.investigator, "unfreeze", world.trial, reason="A scan was missing."))
    assert "is closed" in told
    assert "Trial: unfreeze: A scan was missing." in words(
        browser(world.data_manager).get(f"/admin/trial/trial/{world.trial.pk}/history/")
    )
    do(world.coordinator, "deviation", person, **deviation)
    assert ProtocolDeviation.objects.get().impact == "None."


def test_a_frozen_cohort_shows_its_people_and_nobody_s_risk(world):
    randomized(world)
    row = Cohort.objects.get()
    shown = words(browser(world.coordinator).get(page_of(row)))
    assert row.manifest[0]["study_number"] in shown
    assert "films_positive" not in shown and "high" not in shown
    history = browser(world.inspector).get(page_of(row, "history")).content.decode()
    assert "films_positive" not in history
    hidden = words(browser(world.radiology_it).get(page_of(row)))
    assert row.manifest[0]["study_number"] not in hidden


def test_the_system_administrator_keeps_accounts_and_sees_no_clinical_fact(world):
    admin = world.system_administrator
    person = make_participant(world)
    for model in (Participant, Radiograph, Referral, Allocation):
        assert browser(admin).get(list_of(model)).status_code == 403
    assert browser(admin).get(page_of(person)).status_code == 404
    typed = {"username": "mei", "name": "Mei Lin", "password": PASSWORD, "again": PASSWORD}
    assert "no role at first" in words(browser(admin).get(act_url(User, "create")))
    do(admin, "create", model=User, **typed)
    assert do(admin, "create", model=User, **typed).status_code == 422
    assert do(admin, "create", model=User, **typed | {"username": "ann", "again": "other"}).status_code == 422
    assert (
        do(
            admin, "create", model=User, **typed | {"username": "bo", "password": "12345", "again": "12345"}
        ).status_code
        == 422
    )
    mei = User.objects.get(username="mei")
    assert not (mei.is_staff or mei.is_superuser) and mei.check_password(PASSWORD)


def test_roles_are_given_and_ended_and_one_that_ends_blindness_is_refused(world):
    admin = world.system_administrator
    mei = make_user("mei")
    assert do(admin, "give", mei, role="caller").status_code == 422  # of which trial?
    do(admin, "give", mei, role="outcome_recorder", trial=world.trial.pk)
    told = do(admin, "give", mei, role="caller", trial=world.trial.pk)
    assert told.status_code == 422 and "can't be outcome recorder and caller" in words(told).replace(
        "&#x27;", "'"
    )
    held = mei.memberships.get()
    delegation.sign_entry(held, by=world.investigator, password=PASSWORD)
    assert Membership.objects.active(mei).exists()
    assert do(admin, "end", held).status_code == 422  # why?
    do(admin, "end", held, reason="On leave.")
    assert not Membership.objects.active(mei).exists()
    assert "ended on" in words(do(admin, "end", held, reason="On leave."))
    assert "ended at: — →" in words(browser(admin).get(page_of(held, "history")))


def test_a_closed_account_can_t_sign_in_and_nobody_closes_their_own(world, client):
    admin = world.system_administrator
    do(admin, "close", world.caller)
    typed = {"username": world.caller.username, "password": PASSWORD}
    assert "password" in words(client.post("/accounts/login/", typed)).lower()
    assert client.get("/").status_code == 302 and "_auth_user_id" not in client.session
    assert not Membership.objects.active(world.caller).exists()
    assert "your own account" in words(do(admin, "close", admin))
    do(admin, "reopen", world.caller)
    do(admin, "password", world.caller, password="another long secret 9", again="another long secret 9")
    assert not Membership.objects.active(world.caller).exists()
    assert User.objects.get(pk=world.caller.pk).check_password("another long secret 9")


def test_only_the_system_administrator_touches_accounts(world):
    for role in set(Role) - {Role.SYSTEM_ADMINISTRATOR}:
        page = browser(world.cast[role])
        assert page.get(list_of(User)).status_code == 403
        assert page.get(act_url(User, "create")).status_code in (403, 404)
        assert do(
            world.cast[role], "give", world.stranger, role="coordinator", trial=world.trial.pk
        ).status_code in (403, 404)
    assert not Membership.objects.active(world.stranger).exists()


def test_whoever_is_shown_an_arm_leaves_a_trace_and_whoever_is_not_leaves_none(world, caplog):
    person = randomized(world, 2)[0].participant
    with caplog.at_level(logging.INFO, logger="screentrial.access"):
        for user in (world.coordinator, world.monitor):
            browser(user).get(page_of(person))
            browser(user).get(list_of(Participant))
        browser(world.inspector).get(list_of(Allocation))
    told = [m for m in caplog.messages if m.startswith("arm shown")]
    assert told == [
        f"arm shown to user {world.coordinator.pk}: participant {person.pk}",
        f"arm shown to user {world.coordinator.pk}: list of participants",
        f"arm shown to user {world.inspector.pk}: list of allocations",
    ]
