"""A caller's day: the list, the sheet, what is recorded, and everything that is refused without a trace."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from screening.models import Appointment, ContactAttempt, Referral
from screening.referrals import ContactOutcome
from screening.services import cohort
from screening.services import referral as referrals
from tests.browsing import TAIPEI, browser, set_clock, words
from tests.factories import end, freeze_and_sign, high_risk, in_arm, make_world, randomized, referral_of
from trial import clock
from trial.calendars import Opening
from trial.models import Consent, Participant, TrialKind
from trial.services import calendars, conduct, people
from trial.states import TrialState

pytestmark = pytest.mark.django_db
BY_NAME = {"identity": "name_and_birth_date"}


@pytest.fixture
def offer(world):
    """Somebody of the screening arm, randomized ten days ago, with a name and a telephone."""
    made = randomized_before(world, 10)
    participant = in_arm(made, "screening")
    people.update_identity(participant, by=None, why="a test", name="Opal Quill", phone="0912-345-678")
    return referral_of(participant)


def randomized_before(world, days):
    high_risk(world, 4)
    frozen = freeze_and_sign(world)
    back = clock.now(world.trial) - timedelta(days=days)
    return cohort.randomize_cohort(frozen, by=world.coordinator, occurred_at=back)


def url(name, offer, *more):
    return reverse(name, args=[offer.pk, *more])


def local(world, days, hour):
    return (clock.now(world.trial) + timedelta(days=days)).astimezone(TAIPEI).replace(hour=hour)


def moment(name, at):
    return {f"{name}_0": f"{at:%Y-%m-%d}", f"{name}_1": f"{at:%H:%M}"}


def test_a_new_offer_stands_on_the_list_with_name_age_and_day(world, offer):
    page = browser(world.caller).get(reverse("worklist"))

    said = words(page)
    assert "New 2" in said and "Now 0" in said
    assert "Opal Quill" in said and "female, 72" in said and "day 10 of 180" in said
    assert "0912-345-678" not in said  # the number stands on the sheet alone


def test_nobody_of_the_control_arm_is_on_any_section(world, offer):
    client = browser(world.caller)
    control = [p.study_number for p in Participant.objects.filter(allocation__arm="control")]

    pages = [
        words(client.get(reverse("worklist"), {"section": s}))
        for s in ("now", "ending", "new", "later", "done")
    ]

    assert len(control) == 2
    assert not any(number in said for number in control for said in pages)


def test_a_page_of_a_control_participant_does_not_exist(world, offer):
    control = Participant.objects.filter(allocation__arm="control").first()
    client = browser(world.caller)

    for key in (control.pk, control.allocation.pk, control.person_id, world.trial.pk):
        assert client.get(reverse("call-sheet", args=[key])).status_code == 404
        assert client.post(reverse("call-attempt", args=[key]), {"outcome": "no_answer"}).status_code == 404
    assert not ContactAttempt.objects.exists()


def test_the_sheet_reminds_of_identity_and_dials(world, offer):
    page = browser(world.caller).get(url("call-sheet", offer))

    assert 'href="tel:0912345678"' in page.content.decode()
    assert "First, who is it?" in words(page) and "1950-06-15" in words(page)


def test_no_answer_is_one_tap_and_plans_the_next_try(world, offer):
    answer = browser(world.caller).post(url("call-attempt", offer), {"outcome": "no_answer"}, follow=True)

    attempt = ContactAttempt.objects.get()
    assert (attempt.outcome, attempt.caller) == ("no_answer", world.caller)
    assert attempt.next_call_at == local(world, 1, 12) + timedelta(minutes=30)
    assert "no answer, recorded. Next call" in words(answer) and "Done today 1" in words(answer)
    assert ContactAttempt.pgh_event_model.objects.get().pgh_context["how"] == "page"


def test_a_call_back_is_kept_at_the_hour_that_was_asked_for(world, offer):
    asked = local(world, 2, 18)

    browser(world.caller).post(
        url("call-attempt", offer), {"outcome": "call_back", **moment("next_call_at", asked)}
    )

    assert ContactAttempt.objects.get().next_call_at == asked


def test_half_a_moment_is_asked_for_again_and_nothing_typed_is_lost(world, offer):
    answer = browser(world.caller).post(
        url("call-attempt", offer), {"outcome": "call_back", "next_call_at_0": "2023-02-20"}
    )

    assert answer.status_code == 422
    assert "Give both: the day as 2022-03-05 and the time as 14:30." in words(answer)
    assert 'value="2023-02-20"' in answer.content.decode()
    assert not ContactAttempt.objects.exists()


def test_the_enter_key_records_nothing(world, offer):
    answer = browser(world.caller).post(url("call-attempt", offer), {"outcome": ""})

    assert answer.status_code == 422
    assert "Press the button that says how the call ended." in words(answer)
    assert not ContactAttempt.objects.exists()


def test_from_yes_to_the_scan(world, offer):
    client, when = browser(world.caller), local(world, 3, 9)

    said = words(client.post(url("call-attempt", offer), {"outcome": "accepted", **BY_NAME}, follow=True))
    assert "Consent to the scan" in said

    consent = {"form_version": "2.1", "agreed": "on"}
    said = words(client.post(url("call-consent", offer), consent, follow=True))
    assert "Consent recorded. Now book the scan." in said

    said = words(client.post(url("call-book", offer), moment("scheduled_at", when), follow=True))
    assert f"Booked for {when:%a %d %b %Y}, 09:00." in said

    assert Consent.objects.get(kind="consent").form_version == "2.1"
    assert Appointment.objects.get().scheduled_at == when  # nine in Taipei, not in UTC
    assert "kept" not in said  # it is three days away


def accepted_and_booked(world, offer, days=1):
    referrals.record_attempt(offer, outcome="accepted", **BY_NAME, by=world.caller)
    conduct.record_consent(offer.participant, form_version="1", scope="dxa", by=world.caller)
    return referrals.book(offer, scheduled_at=local(world, days, 10), by=world.caller)


@pytest.mark.parametrize(
    ("event", "appointment", "referral"), [("attend", "attended", "accepted"), ("miss", "no_show", "open")]
)
def test_an_appointment_is_kept_or_missed_once_its_hour_has_come(
    world, offer, monkeypatch, event, appointment, referral
):
    booked = accepted_and_booked(world, offer)
    set_clock(monkeypatch, days_later=2)
    client = browser(world.caller)

    assert "kept or missed?" in words(client.get(reverse("worklist")))
    client.post(reverse("appointment-end", args=[booked.pk, event]))

    booked.refresh_from_db()
    offer.refresh_from_db()
    assert (booked.state, offer.state) == (appointment, referral)


def test_an_appointment_of_tomorrow_was_not_kept_yet(world, offer):
    booked = accepted_and_booked(world, offer)

    answer = browser(world.caller).post(reverse("appointment-end", args=[booked.pk, "attend"]), follow=True)

    booked.refresh_from_db()
    assert "not yet" in words(answer)
    assert booked.state == "booked"


def test_a_moved_appointment_keeps_its_history(world, offer):
    accepted_and_booked(world, offer)
    later = local(world, 5, 15)

    answer = browser(world.caller).post(
        url("call-book", offer), {**moment("scheduled_at", later), "reason": "rain"}, follow=True
    )

    assert [a.state for a in Appointment.objects.order_by("scheduled_at")] == ["moved", "booked"]
    assert "scan moved" in words(answer) and "rain" in words(answer)


def test_nothing_is_booked_outside_the_window_or_without_consent(world, offer):
    client = browser(world.caller)
    client.post(url("call-attempt", offer), {"outcome": "accepted", **BY_NAME})

    without = client.post(url("call-book", offer), moment("scheduled_at", local(world, 3, 9)))
    client.post(url("call-consent", offer), {"form_version": "1", "agreed": "on"})
    outside = client.post(url("call-book", offer), moment("scheduled_at", local(world, 200, 9)))

    assert (without.status_code, outside.status_code) == (422, 422)
    assert "is outside. Choose an earlier day" in words(outside)
    assert not Appointment.objects.exists()


def test_that_somebody_has_died_is_asked_once(world, offer):
    client = browser(world.caller)

    asked = client.post(url("call-attempt", offer), {"outcome": "died"})
    assert "nobody calls this number again" in words(asked) and not offer.attempts.exists()

    client.post(url("call-attempt", offer), {"outcome": "died", "sure": "yes"})
    assert offer.attempts.get().outcome == "died"


@pytest.mark.parametrize(
    ("days", "hour", "said"),
    [(-1, 10, "lies before this one"), (400, 10, "after the offer's last day"), (1, 3, "outside the hours")],
)
def test_a_next_call_lies_ahead_inside_the_window_and_the_hours(world, offer, days, hour, said):
    when = clock.now(world.trial).astimezone(TAIPEI).replace(hour=hour, minute=0) + timedelta(days=days)

    answer = browser(world.caller).post(
        url("call-attempt", offer), {"outcome": "call_back"} | moment("next_call_at", when)
    )

    assert answer.status_code == 422 and said in words(answer)
    assert not offer.attempts.exists()


def test_a_scan_is_not_booked_for_a_day_that_is_over(world, offer):
    client = browser(world.caller)
    client.post(url("call-attempt", offer), {"outcome": "accepted", **BY_NAME})
    client.post(url("call-consent", offer), {"form_version": "1", "agreed": "on"})
    yesterday = clock.now(world.trial) - timedelta(days=1)

    answer = client.post(url("call-book", offer), moment("scheduled_at", yesterday))

    assert "is over. Choose a time to come." in words(answer) and not Appointment.objects.exists()
    just_now = clock.now(world.trial).astimezone(TAIPEI) - timedelta(minutes=1)
    assert client.post(url("call-book", offer), moment("scheduled_at", just_now)).status_code == 422
    assert not Appointment.objects.exists()


def test_who_declines_is_not_called_again_at_a_time_that_was_typed(world, offer):
    typed = {"outcome": "declined", **BY_NAME, **moment("next_call_at", local(world, 2, 18))}
    answer = browser(world.caller).post(url("call-attempt", offer), typed)

    assert answer.status_code == 422 and "After “declined” nobody calls again" in words(answer)
    assert not offer.attempts.exists()


def test_a_call_recorded_again_after_going_back_is_one_call(world, offer):
    client, accepts = browser(world.caller), {"outcome": "accepted", **BY_NAME}
    client.post(url("call-attempt", offer), accepts)

    again = client.post(url("call-attempt", offer), accepts)

    assert again.status_code == 422 and "This call is on record already" in words(again)
    assert offer.attempts.count() == 1


def test_who_accepted_at_the_last_try_goes_on_to_consent(world, offer):
    client, at = browser(world.caller), clock.now(world.trial) - timedelta(days=5)
    for hours in range(4):
        when = {"occurred_at": at + timedelta(hours=hours), "by": world.caller}
        referrals.record_attempt(offer, outcome=ContactOutcome.NO_ANSWER, **when)
    client.post(url("call-attempt", offer), {"outcome": "accepted", **BY_NAME})

    sheet = words(client.get(url("call-sheet", offer)))

    assert "5 attempts made (limit 5). They accepted: go on with consent and the scan" in sheet
    assert "Close it as not reached" not in sheet and "Consent to the scan" in sheet


def test_what_is_sent_after_the_session_has_ended_is_said_not_to_be_recorded(world, offer):
    client, sheet = browser(world.caller), url("call-sheet", offer)
    del client.cookies["sessionid"]

    asked = client.post(
        url("call-attempt", offer), {"outcome": "no_answer"}, headers={"referer": f"http://testserver{sheet}"}
    )
    shown = client.get(asked.url)

    assert "what you sent was not recorded" in words(shown) and f'value="{sheet}"' in shown.content.decode()
    assert not offer.attempts.exists()
    elsewhere = client.post(sheet, headers={"referer": "http://elsewhere.example/"})
    assert elsewhere.url == f"{reverse('login')}?next=%2F&unsent=1"


def test_consent_needs_the_tick(world, offer):
    client = browser(world.caller)
    client.post(url("call-attempt", offer), {"outcome": "accepted", **BY_NAME})

    answer = client.post(url("call-consent", offer), {"form_version": "2.1"})

    assert answer.status_code == 422
    assert "only after you read the text" in words(answer) and 'value="2.1"' in answer.content.decode()
    assert not Consent.objects.filter(kind="consent").exists()


def test_who_withdrew_is_not_called(world, offer):
    referrals.withdraw(offer.participant, reason="no time", by=world.coordinator)
    client = browser(world.caller)

    sheet = client.get(url("call-sheet", offer))
    answer = client.post(url("call-attempt", offer), {"outcome": "no_answer"})

    assert "This participant withdrew. Don't call." in words(sheet)
    assert "tel:" not in sheet.content.decode() and "How did the call end?" not in words(sheet)
    assert answer.status_code == 422 and "This participant withdrew" in words(answer)
    assert not ContactAttempt.objects.exists()


def test_in_the_evening_only_a_call_made_earlier_is_logged(world, offer, monkeypatch):
    set_clock(monkeypatch, hour=21)
    client, earlier = browser(world.caller), local(world, 0, 15)

    refused = client.post(url("call-attempt", offer), {"outcome": "no_answer"})
    assert refused.status_code == 422 and "Calls are allowed 09:00 to 20:00" in words(refused)
    assert not ContactAttempt.objects.exists()

    client.post(url("call-attempt", offer), {"outcome": "no_answer", **moment("occurred_at", earlier)})
    assert ContactAttempt.objects.get().occurred_at == earlier


def test_a_call_in_the_future_is_refused(world, offer):
    answer = browser(world.caller).post(
        url("call-attempt", offer), {"outcome": "no_answer", **moment("occurred_at", local(world, 0, 13))}
    )

    assert answer.status_code == 422 and "lies in the future" in words(answer)
    assert not ContactAttempt.objects.exists()


def test_an_objection_is_asked_about_once_and_then_stops_everything(world, offer):
    booked = accepted_and_booked(world, offer)
    client = browser(world.caller)

    question = client.get(url("call-objection", offer))
    offer.participant.refresh_from_db()
    assert "nobody can call this participant again" in words(question)
    assert not offer.participant.do_not_call

    client.post(url("call-objection", offer))
    for row in (booked, offer, offer.participant):
        row.refresh_from_db()
    assert (booked.state, offer.state, offer.participant.do_not_call) == ("cancelled", "stopped", True)


def test_after_the_window_the_offer_is_closed_and_not_before(world, offer, monkeypatch):
    client = browser(world.caller)
    early = client.post(url("call-settle", offer, "expire"), follow=True)
    assert "is not due here now" in words(early)

    set_clock(monkeypatch, days_later=171)
    client = browser(world.caller)
    assert "window over" in words(client.get(url("call-sheet", offer)))
    client.post(url("call-settle", offer, "expire"))

    offer.refresh_from_db()
    assert offer.state == "expired"


def test_offers_that_ran_out_are_closed_together_but_for_those_of_whom_word_is_due(world, offer, monkeypatch):
    accepted_and_booked(world, offer)
    other = Referral.objects.exclude(pk=offer.pk).get()
    client = browser(world.caller)
    client.post(reverse("calls-close"))
    assert {r.state for r in Referral.objects.all()} == {"accepted", "open"}  # not over yet

    set_clock(monkeypatch, days_later=171)
    assert "Window over 1" in words(client.get(reverse("worklist")))
    said = words(client.post(reverse("calls-close"), follow=True))

    assert "Offers closed because their window is over: 1." in said and "Window over 0" in said
    for row in (offer, other):
        row.refresh_from_db()
    assert (offer.state, other.state) == ("accepted", "expired")


def test_who_came_is_off_the_list_until_the_scan_must_be_repeated(world, offer, monkeypatch):
    booked = accepted_and_booked(world, offer)
    set_clock(monkeypatch, days_later=2)
    client = browser(world.caller)
    client.post(reverse("appointment-end", args=[booked.pk, "attend"]))

    said = words(client.get(url("call-sheet", offer)))
    assert "They came." in said and "Consent is recorded." not in said
    assert "Now 0" in words(client.get(reverse("worklist")))

    client.post(url("call-book", offer), moment("scheduled_at", local(world, 3, 9)))
    assert sorted(a.state for a in Appointment.objects.all()) == ["attended", "booked"]


def test_in_a_recorded_trial_nobody_is_called():
    past = make_world("PAST", kind=TrialKind.RECORDED)
    for participant in high_risk(past, 4):
        cohort.assess(participant, by=past.coordinator)
    made = cohort.randomize_cohort(freeze_and_sign(past), by=past.coordinator)
    offer = referral_of(in_arm(made, "screening"))
    client = browser(past.caller)

    assert "New 0" in words(client.get(reverse("worklist")))
    assert client.get(url("call-sheet", offer)).status_code == 404


def test_who_declined_may_ring_back(world, offer):
    client = browser(world.caller)
    client.post(url("call-attempt", offer), {"outcome": "declined", **BY_NAME})
    assert "Rang back and accepts" in words(client.get(url("call-sheet", offer)))

    unsaid = client.post(url("call-settle", offer, "accept"), follow=True)
    offer.refresh_from_db()
    assert offer.state == "declined" and "by what whoever rang back was identified" in words(unsaid)

    client.post(url("call-settle", offer, "accept"), BY_NAME)

    offer.refresh_from_db()
    assert offer.state == "accepted"


def test_the_last_fourteen_days_have_a_section_of_their_own(world, offer, monkeypatch):
    set_clock(monkeypatch, days_later=156)

    said = words(browser(world.caller).get(reverse("worklist")))

    assert "Window ending 2" in said and "! day 166 of 180" in said


def test_an_inspector_reads_the_sheet_and_writes_nothing(world, offer):
    client = browser(world.inspector)

    assert "How did the call end?" not in words(client.get(url("call-sheet", offer)))
    assert client.post(url("call-attempt", offer), {"outcome": "no_answer"}).status_code == 403
    assert client.get(url("call-objection", offer)).status_code == 403


@pytest.mark.parametrize("who", ["outcome_recorder", "investigator", "radiology_it", "stranger"])
def test_others_have_no_worklist(world, offer, who):
    user = world.stranger if who == "stranger" else getattr(world, who)

    assert browser(user).get(reverse("worklist")).status_code == 403
    assert browser(user).get(url("call-sheet", offer)).status_code == 403


def test_an_investigator_who_may_record_consent_learns_nothing_of_the_arm_by_it(world, offer):
    client = browser(world.investigator)

    assert client.get(url("call-objection", offer)).status_code == 404
    assert client.post(url("call-consent", offer), {"form_version": "1", "agreed": "on"}).status_code == 404
    assert not Consent.objects.filter(kind="consent").exists()


def test_a_caller_of_another_trial_sees_nothing_of_this_one(world, offer):
    other = browser(make_world("OTHER").caller)

    assert "Opal Quill" not in words(other.get(reverse("worklist"), {"section": "new"}))
    assert other.get(url("call-sheet", offer)).status_code == 404


def test_an_empty_list_says_why(world):
    said = words(browser(world.caller).get(reverse("worklist")))

    assert "Nobody waits at this moment." in said


def test_the_list_takes_no_more_questions_of_the_database_for_more_people(
    world, django_assert_max_num_queries
):
    randomized(world, 12)
    client = browser(world.caller)

    with django_assert_max_num_queries(23):
        page = client.get(reverse("worklist"), {"section": "new"})

    assert "New 6" in words(page)
    assert Referral.objects.count() == 6


# --- working days -------------------------------------------------------------------------------------------


def test_a_next_call_on_a_day_the_site_is_closed_is_refused_and_the_next_working_day_named(world, offer):
    tomorrow = local(world, 1, 10)
    closed = {"day": tomorrow.date(), "opening": Opening.CLOSED, "reason": "typhoon"}
    calendars.set_day(world.site, **closed, by=world.coordinator)
    client = browser(world.caller)

    assert "The next working day is" in words(client.get(url("call-sheet", offer)))
    answer = client.post(
        url("call-attempt", offer), {"outcome": "call_back", **moment("next_call_at", tomorrow)}
    )

    assert answer.status_code == 422
    assert f"{tomorrow.date()} is closed at this site (typhoon): the next working day is" in words(answer)
    assert not offer.attempts.exists()


def test_on_a_day_off_the_list_and_the_sheet_say_so_and_nobody_is_due(world, offer, monkeypatch):
    client = browser(world.caller)
    client.post(url("call-attempt", offer), {"outcome": "no_answer"})
    set_clock(monkeypatch, hour=17, days_later=2)
    today = local(world, 0, 12).date()
    due = words(client.get(reverse("worklist")))

    closed = {"day": today, "opening": Opening.CLOSED, "reason": "typhoon"}
    calendars.set_day(world.site, **closed, by=world.coordinator)
    off = words(client.get(reverse("worklist")))

    assert "Now 1" in due and "Today is" not in due
    assert "Now 0" in off and "Today is closed at this site (typhoon): nobody is due before" in off
    assert "Today is no working day:" in words(client.get(url("call-sheet", offer)))


# --- who is it? ---------------------------------------------------------------------------------------------


def test_nothing_of_the_offer_is_on_the_sheet_before_it_is_known_who_speaks(world, offer):
    client = browser(world.caller)
    first = words(client.get(url("call-sheet", offer)))

    assert "First, who is it?" in first and "Somebody else?" in first
    for told in ("What to say", "bone", "Accepts the scan", "Declines", "Thinking it over"):
        assert told not in first, told
    assert "No answer" in first and "Wrong number" in first and "Has died" in first

    then = words(client.get(url("call-sheet", offer), BY_NAME))

    assert "by full name and date of birth." in then and "What to say" in then
    assert "Accepts the scan" in then and "First, who is it?" not in then and "No answer" not in then
    assert "First, who is it?" in words(client.get(url("call-sheet", offer), {"identity": "a guess"}))


def test_a_yes_is_recorded_with_how_it_was_known_who_said_it(world, offer):
    client = browser(world.caller)

    refused = client.post(url("call-attempt", offer), {"outcome": "accepted"})
    assert refused.status_code == 422
    assert "Confirm first who it is: ask for full name and date of birth" in words(refused)
    assert "What to say" not in words(refused) and not offer.attempts.exists()

    client.post(url("call-attempt", offer), {"outcome": "accepted", **BY_NAME})
    assert offer.attempts.get().identity == "name_and_birth_date"


def test_somebody_else_asks_to_be_called_back_and_nobody_is_identified(world, offer):
    browser(world.caller).post(url("call-attempt", offer), {"outcome": "call_back"})
    assert offer.attempts.get().identity == ""


def test_what_was_typed_stays_in_the_step_it_was_typed_in(world, offer):
    half = {"outcome": "thinking", "next_call_at_0": "2023-02-20", **BY_NAME}
    answer = browser(world.caller).post(url("call-attempt", offer), half)

    assert answer.status_code == 422 and "It is the participant" in words(answer)
    assert 'name="identity" value="name_and_birth_date"' in answer.content.decode()


# --- a control participant, by any way ----------------------------------------------------------------------

BY_KEY = (
    *("call-sheet", "call-attempt", "call-consent", "call-book", "call-objection"),
    *("call-result", "call-treatment"),
)


def test_by_no_address_of_the_workflow_a_control_differs_from_nobody(world, offer):
    control = Participant.objects.filter(allocation__arm="control").first()
    keys, nobody = (control.pk, control.allocation.pk, control.person_id), uuid.uuid4()
    client = browser(world.caller)

    def answers(key):
        places = [reverse(name, args=[key]) for name in BY_KEY]
        places += [reverse("call-settle", args=[key, event]) for event in ("accept", "give_up", "expire")]
        places.append(reverse("appointment-end", args=[key, "attend"]))
        said = [client.post(place, {"outcome": "no_answer", "means": "letter"}) for place in places]
        said.append(client.get(places[0]))
        return [(answer.status_code, answer.content.replace(str(key).encode(), b"")) for answer in said]

    unknown = answers(nobody)
    assert {status for status, _ in unknown} == {404}
    for key in keys:
        assert [status for status, _ in answers(key)] == [404] * len(unknown)


def test_no_list_or_search_of_the_workflow_finds_a_control(world, offer):
    control, somebody = (
        Participant.objects.filter(allocation__arm=arm).first().study_number
        for arm in ("control", "screening")
    )
    pages = {
        reverse("worklist"): {"section": "new"},
        reverse("admin:screening_referral_changelist"): {"q": ""},
        reverse("admin:screening_contactattempt_changelist"): {"q": ""},
        reverse("admin:screening_appointment_changelist"): {"q": ""},
        "/api/v1/referrals/": {"trial": world.trial.code},
    }
    referrals.record_attempt(offer, outcome="accepted", **BY_NAME, by=world.caller)
    for user in (world.caller, world.coordinator, world.inspector):
        client = browser(user)
        for place, asked in pages.items():
            searched = [
                client.get(place, asked | found) for found in ({}, {"q": control}, {"search": control})
            ]
            said = "".join(answer.content.decode() for answer in searched)
            assert f">{control}<" not in said and f'"{control}"' not in said.replace(
                f'value="{control}"', ""
            ), place
        shown = client.get(reverse("admin:screening_referral_changelist"), {"q": somebody}).content.decode()
        assert (somebody in shown) or user == world.caller


def test_admin_pages_of_offers_and_calls_do_not_exist_for_a_control(world, offer):
    control = Participant.objects.filter(allocation__arm="control").first()
    for model in ("referral", "contactattempt", "appointment"):
        for key in (control.pk, control.allocation.pk, uuid.uuid4()):
            place = reverse(f"admin:screening_{model}_change", args=[key])
            assert browser(world.coordinator).get(place).status_code == 404


def test_nobody_is_called_while_the_data_are_frozen(world):
    offer = referral_of(in_arm(randomized(world, 2), "screening"))
    assert browser(world.caller).get(f"/calls/{offer.pk}/").status_code == 200
    end(world, TrialState.FROZEN)
    assert browser(world.caller).get(f"/calls/{offer.pk}/").status_code == 404
    assert str(offer.participant) not in words(browser(world.caller).get("/calls/"))
