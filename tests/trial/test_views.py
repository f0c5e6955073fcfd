"""The role matrix as everybody may print it."""

import re

import pytest
from django.urls import reverse

from tests.browsing import browser, words
from trial.roles import DESCRIPTIONS, MATRIX, MEANINGS, Permission, Role

pytestmark = pytest.mark.django_db


def cells(response):
    """Return the table as printed: permission in words -> yes or no for each role."""
    rows = re.findall(r'(?s)<tr><th scope="row">([^<]+)<.*?</tr>', response.content.decode())
    bodies = re.findall(r'(?s)<tr><th scope="row">.*?</tr>', response.content.decode())
    return {
        name: re.findall(r'visually-hidden">(yes|no)<', body) for name, body in zip(rows, bodies, strict=True)
    }


def test_the_printed_table_is_the_rule(world):
    printed = cells(browser(world.caller).get(reverse("role-matrix")))

    assert printed == {
        permission.words: ["yes" if permission in MATRIX[role] else "no" for role in Role]
        for permission in Permission
    }


def test_it_says_what_everything_means(world):
    said = words(browser(world.monitor).get(reverse("role-matrix")))

    assert all(meaning in said for meaning in MEANINGS.values())
    assert all(description in said for description in DESCRIPTIONS.values())


def test_every_role_may_print_it_and_nobody_else(world, client):
    for user in world.cast.values():
        assert browser(user).get(reverse("role-matrix")).status_code == 200
    assert browser(world.stranger).get(reverse("role-matrix")).status_code == 403
    assert client.get(reverse("role-matrix")).status_code == 302
