"""The front door: the way to one's page, and a password of one's own."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.browsing import browser, words
from tests.factories import PASSWORD
from trial import clock

pytestmark = pytest.mark.django_db
NEW = "nine apples under a bridge"


def change(client: Client, old: str, new: str, again: str):
    typed = {"old_password": old, "new_password1": new, "new_password2": again}
    return client.post(reverse("password"), typed, follow=True)


def test_everybody_chooses_a_password_of_their_own_and_stays_signed_in(world):
    client = browser(world.caller)

    told = change(client, PASSWORD, NEW, NEW)

    assert "Your password is changed" in words(told)
    assert client.get(reverse("worklist")).status_code == 200
    world.caller.refresh_from_db()
    assert world.caller.check_password(NEW)


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong", NEW, NEW, "old password was entered incorrectly"),
        (PASSWORD, NEW, "something else entirely", "didn’t match"),
        (PASSWORD, "short", "short", "at least 12 characters"),
    ],
)
def test_a_password_that_is_no_good_is_refused_with_the_reason(world, old, new, again, said):
    told = change(browser(world.caller), old, new, again)

    assert said in words(told)
    world.caller.refresh_from_db()
    assert world.caller.check_password(PASSWORD)


def test_the_page_of_the_api_brings_no_style_or_script_of_its_own(world):
    page = browser(world.coordinator).get(reverse("api-docs")).content.decode()

    assert "swagger" in page and "api-docs.css" in page
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|//cdn", page)


def test_every_page_of_a_demonstration_says_which_day_it_is_there_and_which_dates_are_real(world):
    day = f"{clock.now(world.trial):%Y-%m-%d}"
    for user, name in (
        (world.caller, "worklist"),
        (world.outcome_recorder, "people"),
        (world.coordinator, "admin:index"),
    ):
        said = words(browser(user).get(reverse(name)))
        assert f"it is {day} " in said and "real ones" in said, name


def test_the_dashboard_of_a_demonstration_marks_the_dates_that_are_real(world):
    assert re.search(
        r"in force since [\d-]+ \(real time\)", words(browser(world.coordinator).get(reverse("admin:index")))
    )
