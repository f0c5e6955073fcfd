"""Working days: weekdays, public holidays, and what one site says of a day."""

from datetime import date

import pytest

from tests.admin import do, page_of
from tests.browsing import browser, words
from tests.factories import end, refusal
from trial.calendars import Calendar, Opening, OwnDay, public_holidays
from trial.models import Site, SiteDay
from trial.protocol import template
from trial.services import calendars
from trial.services.trials import Refused
from trial.states import TrialState

WEEK = template("opscan").contact.days
TAIWAN = Calendar(WEEK, "TW")
NEW_YEAR = "Chinese New Year (public holiday, calendar TW)"


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2026, 2, 12), None),
        (date(2026, 2, 14), "a Saturday"),
        (date(2026, 2, 17), NEW_YEAR),
        (date(2023, 2, 4), None),  # a Saturday worked to make up for the days before the New Year
        (date(2023, 2, 11), "a Saturday"),
    ],
)
def test_taiwan_rests_at_new_year_and_makes_up_for_bridge_days(day, said):
    assert TAIWAN.day_off(day) == said


def test_the_next_working_day_is_after_the_whole_holiday():
    assert TAIWAN.working_day(date(2026, 2, 14)) == date(2026, 2, 23)
    assert TAIWAN.working_day(date(2026, 2, 23)) == date(2026, 2, 23)


def test_a_site_closes_and_opens_whatever_the_calendar_says():
    own = {
        date(2026, 2, 12): OwnDay(Opening.CLOSED, "typhoon"),
        date(2026, 2, 14): OwnDay(Opening.OPEN, "make-up day"),
    }
    site = Calendar(WEEK, "TW", own)

    assert site.day_off(date(2026, 2, 12)) == "closed at this site (typhoon)"
    assert site.day_off(date(2026, 2, 14)) is None
    assert site.working_day(date(2026, 2, 12)) == date(2026, 2, 13)


def test_other_countries_rest_on_other_days():
    national_day, unity = date(2025, 10, 10), date(2025, 10, 3)

    assert TAIWAN.day_off(national_day) and not TAIWAN.day_off(unity)
    assert Calendar(WEEK, "DE-BY").day_off(unity) and not Calendar(WEEK, "DE-BY").day_off(national_day)


@pytest.mark.parametrize("code", ["", "XX", "DE-XX", "Taiwan 5"])
def test_a_calendar_that_nobody_publishes_is_refused(code):
    with pytest.raises(ValueError, match=r"is no calendar\. Name a country such as TW"):
        public_holidays(code)


# --- at a site ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_new_site_goes_by_taiwans_calendar_and_the_protocols_weekdays(world):
    of_site = calendars.calendar_of(world.site, world.trial.protocol.contact)

    assert (of_site.code, of_site.weekdays) == ("TW", WEEK)


@pytest.mark.django_db
def test_the_coordinator_closes_a_day_and_the_last_word_counts(world):
    said = {"day": "2023-02-02", "reason": "typhoon"}
    do(world.coordinator, "day", world.site, opening="closed", **said)
    page = words(browser(world.coordinator).get(page_of(world.site)))
    assert "2023-02-02 closed typhoon" in page

    do(world.coordinator, "day", world.site, opening="open", day="2023-02-02", reason="it turned away")

    row = SiteDay.objects.get()
    assert (row.opening, row.reason) == ("open", "it turned away")
    assert [e.opening for e in SiteDay.pgh_event_model.objects.order_by("pgh_id")] == ["closed", "open"]


@pytest.mark.django_db
def test_the_coordinator_names_the_calendar_and_a_wrong_one_is_refused(world):
    do(world.coordinator, "calendar", world.site, calendar="JP")
    refused = do(world.coordinator, "calendar", world.site, calendar="XX")

    assert Site.objects.get().calendar == "JP"
    assert "'XX' is no calendar" in words(refused)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["caller", "investigator", "inspector", "outcome_recorder"])
def test_nobody_else_keeps_the_calendar(world, role):
    user = getattr(world, role)
    assert do(user, "calendar", world.site, calendar="JP").status_code in (403, 404)
    with pytest.raises(Refused, match="keep calendar"):
        calendars.set_day(world.site, day=date(2023, 2, 2), opening=Opening.CLOSED, reason="no", by=user)
    assert Site.objects.get().calendar == "TW" and not SiteDay.objects.exists()


@pytest.mark.django_db
def test_the_database_keeps_days_whole_and_with_their_site(world):
    row = calendars.set_day(
        world.site, day=date(2023, 2, 2), opening=Opening.CLOSED, reason="typhoon", by=world.coordinator
    )
    changes = {
        "day = '2023-02-03'": "given another site_id or day",
        "opening = 'half'": "opening_known",
        "reason = ''": "a_day_out_of_turn_has_a_reason",
    }
    for change, said in changes.items():
        assert said in refusal(f"UPDATE trial_siteday SET {change} WHERE id = %s", row.pk)
    assert "never deleted" in refusal("DELETE FROM trial_siteday WHERE id = %s", row.pk)
    again = (
        "INSERT INTO trial_siteday SELECT gen_random_uuid(), day, opening, reason, site_id FROM trial_siteday"
    )
    assert "a_day_once_a_site" in refusal(again)


@pytest.mark.django_db
def test_a_locked_trial_keeps_its_calendar(world):
    end(world, TrialState.LOCKED)
    with pytest.raises(Refused, match="is locked"):
        calendars.name_calendar(world.site, calendar="JP", by=world.coordinator)
    insert = "INSERT INTO trial_siteday (id, day, opening, reason, site_id) VALUES (gen_random_uuid(),"
    assert "is locked" in refusal(f"{insert} '2023-02-02', 'closed', 'x', %s)", world.site.pk)
