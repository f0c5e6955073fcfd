"""A trial that was run elsewhere, imported from CSV on the pages: the report has its numbers."""

import re
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client, TestCase
from django.urls import reverse
from django.utils import timezone

from analysis import dataset
from analysis.effects import effects
from analysis.estimators import TwoByTwo
from screening.models import Diagnosis, DxaExam, ModelVersion, Referral, RiskAssessment
from tests.factories import World, make_user
from trial.models import Allocation, Participant, Trial, User
from trial.roles import Role
from trial.services import delegation, trials
from trial.services.verification import verify

pytestmark = pytest.mark.django_db
ARMS = ("screening", "control", "control", "screening", "screening", "control")
WHO = [f"R{n}" for n in range(1, 8)]  # six are randomized, the seventh is at low risk
FILES = {
    "registration": ("sex,birth_date", [f"{who},female,1950-0{n}-02" for n, who in enumerate(WHO, 1)]),
    "films": ("films_counted,films_positive", [f"{who},3,{0 if who == 'R7' else 3}" for who in WHO]),
    "allocation": (
        "arm,randomized_on,sequence",
        [f"{who},{arm},2023-01-1{n},{n}" for n, (who, arm) in enumerate(zip(WHO, ARMS, strict=False), 1)],
    ),
    "call": (
        "called_at,outcome",
        ["R1,2023-01-12 10:00,no_answer", "R1,2023-01-13 18:30,accepted", "R4,2023-01-16 09:00,declined"],
    ),
    "appointment": ("scheduled_at,outcome,form_version", ["R1,2023-03-01 08:30,attended,2.1"]),
    "dxa": ("exam_date,femoral_neck_t", ["R1,2023-03-01,-2.9", "R2,2023-04-01,-1.0"]),
    "diagnosis": ("code,diagnosed_on", ["R1,osteoporosis,2023-03-08"]),
}


@pytest.fixture
def recorded(db) -> World:
    """A recorded trial made on the command line, with its protocol in force, two more people, and nobody in it."""
    call_command(
        *(
            "create_trial",
            "PAST",
            "--title",
            "A trial",
            "--kind",
            "recorded",
            "--site",
            "1:North:Asia/Taipei",
        ),
        *("--by", "coordinator", "--approved-by", "investigator"),
        stdout=StringIO(),
    )
    trial = Trial.objects.get(code="PAST")
    cast = {role: User.objects.get(username=role) for role in (Role.COORDINATOR, Role.INVESTIGATOR)}
    for role in (Role.DATA_MANAGER, Role.RANDOMIZATION_STATISTICIAN):
        cast[role] = make_user(role.value)
        entry = trials.give_role(cast[role], role=role, trial=trial, by=None)
        delegation.sign_entry(entry, by=cast[Role.INVESTIGATOR], password=None)
    return World(trial, trial.sites.get(), ModelVersion.objects.get(), cast, make_user("stranger"))


def user_for(world: World, kind: str) -> User:
    whose = {"films": world.randomization_statistician, "allocation": world.randomization_statistician}
    return (whose | dict.fromkeys(("call", "appointment"), world.coordinator)).get(kind, world.data_manager)


def csv_of(kind: str) -> bytes:
    header, rows = FILES[kind]
    return "\n".join([f"number,{header}", *rows]).encode()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def previewed(world: World, kind: str, data: bytes | None = None):
    """Upload a file and return the client, the address of the preview and what it shows."""
    client = client_of(user_for(world, kind))
    file = SimpleUploadedFile("Marigold Quill.csv", csv_of(kind) if data is None else data)
    page = reverse("admin:trial_trial_import", args=[world.trial.pk])
    answer = client.post(page, {"kind": kind, "site": world.site.pk, "file": file})
    assert answer.status_code == 302, answer.content.decode()
    return client, answer["Location"], client.get(answer["Location"]).content.decode()


def write(client: Client, address: str, shown: str):
    """Press the one button."""
    plan = re.search(r'name="plan" value="(\w+)"', shown)[1]
    with TestCase.captureOnCommitCallbacks(execute=True):  # the log outside is written after the commit
        return client.post(address, {"plan": plan}, follow=True)


def bring(world: World, kind: str) -> str:
    client, address, shown = previewed(world, kind)
    return write(client, address, shown).content.decode()


def test_a_recorded_trial_comes_in_by_the_pages_and_a_second_time_changes_nothing(recorded):
    said = {kind: bring(recorded, kind) for kind in FILES}

    assert [kind for kind, text in said.items() if "Written: " not in text] == []
    rows = dataset.build(recorded.trial, timezone.now()).rows
    assert sorted(r.arm for r in rows if r.arm) == ["control"] * 3 + ["screening"] * 3
    counted = {effect.key: effect.counts for effect in effects(rows)}
    assert counted["osteoporosis"] == TwoByTwo(1, 3, 0, 3) and counted["dxa"] == TwoByTwo(1, 3, 1, 3)
    assert counted["dxa_trial"] == TwoByTwo(1, 3, 0, 3) and counted["dxa_physician"] == TwoByTwo(0, 3, 1, 3)
    assert sorted(Referral.objects.values_list("state", flat=True)) == ["declined", "open", "scanned"]
    assert RiskAssessment.objects.count() == 7 and Referral.objects.count() == 3
    assert verify(recorded.trial) == 6
    drawn = Allocation.objects.order_by("sequence").values_list("arm", "randomized_on__day")
    assert list(drawn) == [(arm, 10 + n) for n, arm in enumerate(ARMS, 1)]

    for kind in FILES:
        _, _, shown = previewed(recorded, kind)
        assert "There is nothing to write." in shown, kind
    assert (Participant.objects.count(), DxaExam.objects.count(), Diagnosis.objects.count()) == (7, 2, 1)


def test_places_with_a_gap_another_stratum_and_low_risk_are_refused_line_by_line(recorded):
    for kind in ("registration", "films"):
        bring(recorded, kind)
    rows = ["R1,screening,2023-01-11,1,", "R2,control,2023-01-12,3,", "R3,control,2023-01,2,"]
    rows += ["R4,control,2023-01-12,2,sex=male", "R7,control,2023-01-12,2,"]
    data = "\n".join(["number,arm,randomized_on,sequence,stratum", *rows]).encode()

    client, address, shown = previewed(recorded, "allocation", data)
    page = write(client, address, shown).content.decode()

    assert "Write 1 new row; 4 rows are left out" in shown
    for said in (
        "Place 3 of stratum all does not follow place 1",
        "2023-01 is no whole day",
        "by the registration this is &#x27;all&#x27;",
        "don’t put this person at high risk".replace("’", "&#x27;"),
    ):
        assert said in shown, said
    assert "Written: 1 new row, 0 changed; 4 rows left out." in page and Allocation.objects.count() == 1

    data = b"number,arm,randomized_on,sequence\nR1,control,2023-01-11,1\nR2,screening,2023-01-12,2"
    client, address, shown = previewed(recorded, "allocation", data)
    assert "Another allocation is on record." in shown
    write(client, address, shown)
    assert Allocation.objects.filter(arm="screening").count() == 2 and verify(recorded.trial) == 2


def test_calls_and_appointments_are_judged_as_the_call_sheet_judges_them(recorded):
    for kind in ("registration", "films", "allocation"):
        bring(recorded, kind)
    calls = ["R1,2023-01-12 08:59,accepted", "R1,2023-01-13 10:00,declined", "R1,2023-01-14 10:00,no_answer"]
    calls += ["R2,2023-01-13 10:00,accepted", "R4,2023-01-16 10:00,accepted", "R4,2023-01-15 10:00,no_answer"]
    client, address, shown = previewed(
        recorded, "call", "\n".join(["number,called_at,outcome", *calls]).encode()
    )
    for said in (
        "It is 08:59 at the site. Calls are allowed 09:00 to 20:00.",
        "This referral is declined; nobody is to be called.",
        "This participant has no offer of a scan.",
        "The rows of one person stand in the order in which it happened",
    ):
        assert said in shown, said
    write(client, address, shown)

    booked = [
        "R1,2023-02-01 10:00,attended,1",
        "R4,2023-02-01 10:00,no_show,",
        "R4,2023-02-01 11:00,no_show,1",
    ]
    booked += ["R4,2023-02-02 11:00,attended,1"]
    file = "\n".join(["number,scheduled_at,outcome,form_version", *booked]).encode()
    client, address, shown = previewed(recorded, "appointment", file)
    assert shown.count("Record the call in which the participant accepts, then book.") == 2
    assert "The protocol asks for consent to the scan." in shown and "Write 1 new row; 3 rows are" in shown
    assert "Written: 1 new row" in write(client, address, shown).content.decode()
    assert sorted(Referral.objects.values_list("state", flat=True)) == ["declined", "open", "open"]


def test_each_sees_the_kinds_that_are_theirs(recorded):
    page = reverse("admin:trial_trial_import", args=[recorded.trial.pk])
    offered = {
        name: re.findall(
            r'<option value="([a-z_]+)"', client_of(getattr(recorded, name)).get(page).content.decode()
        )
        for name in ("data_manager", "randomization_statistician", "coordinator")
    }

    assert offered["randomization_statistician"] == ["films", "allocation"]
    assert "dxa" in offered["data_manager"] and not {"films", "allocation"} & set(offered["data_manager"])
    assert {"call", "appointment"} <= set(offered["coordinator"]) == {"call", "appointment"}
    assert client_of(recorded.investigator).get(page).status_code == 404
