"""What a site may send is switched by the coordinator, with a reason, and on record."""

import pytest
from django.db import DatabaseError, connection, transaction

from screening.models import SiteIntake
from screening.services.site_intake import accept_secondary_captures, accepts_secondary_captures
from trial import audit
from trial.services import trials
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db


def act(client, user, name, site, **data):
    client.force_login(user)
    return client.post(f"/admin/trial/site/act/{name}/", {"row": site.pk, "confirmed": "1", **data})


def test_the_coordinator_takes_them_and_no_longer_with_a_reason(world, client):
    assert not accepts_secondary_captures(world.site)

    act(client, world.coordinator, "take-captures", world.site, reason="No originals before 2010.")
    assert accepts_secondary_captures(world.site)
    page = client.get(f"/admin/trial/site/{world.site.pk}/change/").content.decode()
    assert "taken" in page and "Take no secondary captures" in page

    act(client, world.coordinator, "refuse-captures", world.site, reason="The archive has them now.")
    assert not accepts_secondary_captures(world.site)
    history = SiteIntake.pgh_event_model.objects.order_by("pgh_id").values_list(
        "secondary_capture", flat=True
    )
    assert list(history) == [True, False]


@pytest.mark.parametrize("role", ["radiology_it", "data_manager", "caller"])
def test_nobody_else_switches_them(world, client, role):
    user = getattr(world, role)
    assert act(client, user, "take-captures", world.site, reason="Please.").status_code in (403, 404)
    with pytest.raises(Refused, match="set intake"):
        accept_secondary_captures(world.site, accepted=True, reason="Please.", by=user)


def test_a_reason_is_wanted(world):
    with pytest.raises(Refused, match="Write why"):
        accept_secondary_captures(world.site, accepted=True, reason=" ", by=world.coordinator)


def test_the_database_wants_to_know_who_and_keeps_the_row_with_its_site(world):
    row = accept_secondary_captures(world.site, accepted=True, reason="Old films.", by=world.coordinator)
    second = trials.add_site(world.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    for sql, value in (
        ("UPDATE screening_siteintake SET secondary_capture = %s", False),
        ("UPDATE screening_siteintake SET site_id = %s", second.pk),
        ("DELETE FROM screening_siteintake WHERE site_id = %s", row.site_id),
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [value])
    with (
        pytest.raises(DatabaseError, match="given another"),
        audit.context(by=None, why="A test", how="test"),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE screening_siteintake SET site_id = %s", [second.pk])
