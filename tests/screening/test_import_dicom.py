"""Films from files and folders: one answer a file, the real ones included, and nothing left behind."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from screening.management.commands.import_dicom import wait_until_scored
from screening.manifests import DEMONSTRATION_MODEL
from screening.models import ModelVersion, Radiograph, Receipt
from screening.services import cohort, registry, scoring
from screening.vocabulary import FilmState
from tests import dicom
from tests.admin import do
from tests.browsing import words
from tests.factories import PASSWORD, World, approve_model, make_user, make_world, try_out
from trial.models import Membership, Participant, Site, Trial, User
from trial.roles import Role
from trial.services import people, protocols, trials

pytestmark = pytest.mark.django_db
BAD = {
    "a-letter.dcm": (dicom.text_file(), "rejected", "not_dicom"),
    "b-half.dcm": (dicom.truncated_film(), "rejected", "truncated"),
    "c-lateral.dcm": (dicom.lateral_film(), "set_aside", "lateral"),
    "d-ct.dcm": (dicom.ct_slice(), "set_aside", "not_radiograph"),
    "e-empty.dcm": (b"", "rejected", "empty_file"),
    "f-sound.dcm": (dicom.chest_film(), "accepted", "to_be_scored"),
    "labels.csv": (b"file,sex\nf-sound.dcm,F\n", "rejected", "not_dicom"),
}
UNREADABLE = Path("/proc/self/mem")  # its first page: an error of reading, whoever asks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sound film among everything else, one level down."""
    inside = tmp_path / "incoming" / "day 1"
    inside.mkdir(parents=True)
    for name, (data, *_) in BAD.items():
        (inside / name).write_bytes(data)
    return tmp_path / "incoming"


def send(world: World, *paths: Path, **options) -> list[dict]:
    out = StringIO()
    call_command(
        "import_dicom", *map(str, paths), trial=world.trial.code, json=True, wait=False, stdout=out, **options
    )
    return json.loads(out.getvalue())


def test_every_file_gets_one_answer_with_reason_and_sentence(world, folder):
    answers = send(world, folder)

    found = {Path(a["file"]).name: (a["outcome"], a["reason"]) for a in answers}
    assert found == {name: tuple(expected) for name, (_, *expected) in BAD.items()}
    assert [a["file"] for a in answers] == sorted(a["file"] for a in answers)
    assert all(set(a) == {"file", "outcome", "reason", "message"} and len(a["message"]) > 20 for a in answers)
    assert Receipt.objects.count() == len(BAD)


def test_a_second_run_changes_nothing_and_the_source_stays_as_it_was(world, folder):
    def state() -> list:
        films = Radiograph.objects.order_by("pk").values("pk", "state", "reason", "file", "participant")
        return [list(films), list(Participant.objects.order_by("pk").values())]

    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")}
    send(world, folder)
    first = state()
    again = send(world, folder)

    assert state() == first
    outcomes = {Path(a["file"]).name: a["outcome"] for a in again}
    assert outcomes["f-sound.dcm"] == outcomes["c-lateral.dcm"] == "already_received"
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")}


def test_the_text_answer_lists_what_was_not_accepted_and_counts(world, folder, capsys):
    call_command("import_dicom", str(folder), trial="DEMO", wait=False)

    said = capsys.readouterr().out
    assert "7 files: 1 accepted, 0 already received, 2 set aside, 4 rejected." in said
    assert "c-lateral.dcm: set_aside (lateral): This is a lateral view" in said and "f-sound" not in said


@pytest.mark.skipif(not UNREADABLE.is_file(), reason="no file here that even root can't read")
def test_a_file_that_cannot_be_read_is_answered_too(world, folder):
    answers = send(world, UNREADABLE, folder / "day 1" / "f-sound.dcm")

    assert [(a["outcome"], a["reason"]) for a in answers] == [
        ("rejected", "not_readable"),
        ("accepted", "to_be_scored"),
    ]


def test_when_every_file_is_rejected_the_command_fails_after_its_answers(world, folder, capsys):
    with pytest.raises(CommandError, match="Every file was rejected") as failed:
        call_command("import_dicom", str(folder / "day 1" / "a-letter.dcm"), trial="DEMO", json=True)

    assert failed.value.returncode == 1
    assert [a["reason"] for a in json.loads(capsys.readouterr().out)] == ["not_dicom"]


def test_links_to_nowhere_are_no_files(world, folder):
    (folder / "gone.dcm").symlink_to(folder / "nowhere")

    assert len(send(world, folder)) == len(BAD)


def test_an_unknown_trial_a_draft_and_a_missing_path_are_clear_errors(world, folder):
    draft = make_world("OTHER", active=False)

    with pytest.raises(CommandError, match=r"There is no trial 'NOPE'\. Trials here: DEMO, OTHER\."):
        call_command("import_dicom", str(folder), trial="NOPE")
    with pytest.raises(CommandError, match="no protocol in force yet"):
        send(draft, folder)
    with pytest.raises(CommandError, match="no file or folder"):
        send(world, folder / "none")
    assert not Radiograph.objects.exists()


def test_without_a_site_the_lowest_is_taken_and_named(world, tmp_path, capsys):
    trials.add_site(world.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    for n in (1, 2):
        film = dicom.chest_film(dicom.ramp() // n, PatientID=f"H-{n}", SOPInstanceUID=f"1.2.3.{n}")
        (tmp_path / f"{n}.dcm").write_bytes(film)

    send(world, tmp_path / "1.dcm")
    said = capsys.readouterr().err
    send(world, tmp_path / "2.dcm", site=2)

    assert "Trial DEMO has 2 sites; taken: DEMO-01 First site (see --site)." in said
    assert [p.site.number for p in Participant.objects.order_by("study_number")] == [1, 2]
    with pytest.raises(CommandError, match=r"has no site 9\. Sites: 1, 2\."):
        send(world, tmp_path, site=9)


def test_films_sent_in_somebody_s_name_are_theirs_on_record_and_in_the_trail(world, folder):
    send(world, folder / "day 1" / "f-sound.dcm", by=world.radiology_it.username)

    assert Receipt.objects.get().received_from == world.radiology_it
    context = Radiograph.pgh_event_model.objects.first().pgh_context
    assert (context["by"], context["how"]) == (str(world.radiology_it.pk), "command")


def test_films_without_a_name_come_from_the_system(world, folder):
    send(world, folder / "day 1" / "f-sound.dcm")

    assert Receipt.objects.get().received_from is None
    assert Radiograph.pgh_event_model.objects.first().pgh_context["by"] == "system"


def test_films_are_sent_in_the_name_of_somebody_who_may(world, folder):
    with pytest.raises(CommandError, match="lacks the permission “upload films” for DEMO-01 First site"):
        send(world, folder, by=world.caller.username)
    assert not Receipt.objects.exists()


def test_waiting_ends_when_all_are_scored_and_gives_up_when_nothing_moves(world, folder):
    send(world, folder)
    film = Radiograph.objects.get(state=FilmState.ELIGIBLE)

    with pytest.raises(CommandError, match=r"1 wait.* celery -A config.celery worker --beat"):
        wait_until_scored([film.pk], stalled_after=0.1)
    assert scoring.score_film(film.pk)
    wait_until_scored([film.pk], stalled_after=0.1)


def labels() -> dict[str, dict[str, str]]:
    with (dicom.REAL_FILMS / "labels.csv").open(newline="") as lines:
        return {row["patient_id"]: row for row in csv.DictReader(lines)}


@dicom.needs_real_films
@pytest.mark.slow
def test_sixty_real_films_are_taken_once_and_name_nobody(db, settings):
    world = make_world(real_pictures=True)
    answers = send(world, dicom.REAL_FILMS)

    outcomes = [(a["outcome"], a["reason"]) for a in answers if a["file"].endswith(".dcm")]
    assert outcomes == [("accepted", "to_be_scored")] * 60
    _check_people(world)
    _check_stored_bytes(Path(settings.MEDIA_ROOT))

    again = send(world, dicom.REAL_FILMS)
    assert {a["outcome"] for a in again if a["file"].endswith(".dcm")} == {"already_received"}
    assert (Radiograph.objects.count(), Participant.objects.count()) == (60, 60)


def _check_people(world: World) -> None:
    registered = list(Participant.objects.select_related("trial", "site"))
    numbers = {pk: identity.number for pk, identity in people.reveal_all(registered, by=None).items()}
    told = labels()
    sexes = {"M": "male", "F": "female"}
    assert {numbers[p.pk]: p.sex for p in registered} == {n: sexes[row["sex"]] for n, row in told.items()}
    ages = {numbers[p.pk]: p.radiographs.get().patient_age for p in registered}
    assert ages == {number: int(row["age_years"]) for number, row in told.items()}
    eligible = {numbers[p.pk] for p in registered if cohort.assess(p, by=None).eligible}
    assert eligible == {number for number, row in told.items() if int(row["age_years"]) >= 40}
    assert len(eligible) == 59


def _check_stored_bytes(media: Path) -> None:
    stored = [path for path in media.rglob("*") if path.is_file()]
    assert len(stored) == 60
    numbers = [number.encode() for number in labels()]
    for path in stored:
        data = path.read_bytes()
        assert not [w for w in (*numbers, b"ChestX", b"ACC0000", b"20220117") if w in data], path.name
        assert b"DEMO-01-" in data


# Setting up a trial without the demonstration


def test_a_trial_made_from_the_template_takes_films_at_once(db, folder, capsys):
    call_command(
        "create_trial",
        "NEW1",
        title="A trial",
        kind="recorded",
        site=["1:North: old wing:Asia/Taipei", "2:South:Europe/Madrid"],
        by="anna",
        approved_by="bert",
    )

    said = capsys.readouterr().out
    assert "Account anna was made" in said and "Its protocol is in force" in said
    site = Site.objects.get(trial__code="NEW1", number=1)
    assert (site.name, site.trial.protocol.score.name) == ("North: old wing", registry.register_model().name)
    assert scoring.pinned_model(site.trial)
    out, film = StringIO(), folder / "day 1" / "drawn.dcm"
    film.write_bytes(dicom.drawn_chest())
    call_command("import_dicom", str(film), trial="NEW1", json=True, wait=False, stdout=out)
    assert json.loads(out.getvalue())[0]["outcome"] == "accepted"


def test_a_live_trial_is_set_up_by_people_signed_in_each_by_a_role_that_was_signed(db, capsys):
    call_command("create_administrator", "root")
    assert "its password, shown this once" in capsys.readouterr().out
    with pytest.raises(CommandError, match="root is system administrator: ask them"):
        call_command("create_administrator", "second")
    with pytest.raises(CommandError, match="opened by people signed in"):
        call_command("create_trial", "LIVE1", title="A trial", by="anna", approved_by="bert")
    call_command("create_trial", "LIVE1", title="A trial")
    assert "the investigator signs the delegation log" in capsys.readouterr().out

    root, trial = User.objects.get(username="root"), Trial.objects.get(code="LIVE1")
    staff = {role: make_user(role.value) for role in protocols.NEEDED}
    for role, user in staff.items():
        do(root, "give", user, role=role.value, trial=trial.pk)
    coordinator, investigator = staff[Role.COORDINATOR], staff[Role.INVESTIGATOR]
    typed = {"template": "opscan", "waiver": "Board 12, 2026-01-05"}
    assert do(coordinator, "draft", trial, **typed).status_code == 403
    waiting = Membership.objects.waiting()
    assert waiting.count() == len(staff) - 1
    do(investigator, "sign", *waiting, password=PASSWORD)
    do(coordinator, "draft", trial, **typed)
    version = trial.versions.get()
    do(staff[Role.RANDOMIZATION_STATISTICIAN], "approve", version, password=PASSWORD)
    do(coordinator, "sign", version, password=PASSWORD)
    assert "combinations of strata: not yet" in words(do(investigator, "activate", version))
    world = World(trial, trial.sites.get(), ModelVersion.objects.get(), staff, root)
    try_out(world, version)
    assert "signed under Model versions" in words(do(investigator, "activate", version))
    approve_model(world, DEMONSTRATION_MODEL)
    assert "is in force" in words(do(investigator, "activate", version))
    assert Trial.objects.get(code="LIVE1").state == "active"


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        ("demo", {}, "use 2 to 12 capital letters"),
        ("DEMO", {}, "There is a trial DEMO already"),
        ("NEW2", {"site": ["North"]}, "write number, name and time zone"),
        ("NEW2", {"site": ["1:North:Mars/Olympus"]}, "not an IANA time zone"),
        ("NEW2", {"kind": "recorded", "by": "anna"}, "Name both accounts"),
        (
            "NEW2",
            {"kind": "recorded", "by": "demo-caller", "approved_by": "demo-caller"},
            "Another investigator of the trial must sign it",
        ),
    ],
)
def test_a_trial_that_can_not_be_made_leaves_nothing(world, code, options, said):
    with pytest.raises(CommandError, match=said):
        call_command("create_trial", code, title="A trial", **options)

    assert list(Site.objects.values_list("trial__code", flat=True)) == ["DEMO"]


@pytest.mark.parametrize(
    "command",
    [
        ("create_trial", "NEW3", "--title", "A trial"),
        ("import_dicom", ".", "--trial", "DEMO"),
        ("import_clinical", "none.csv", "--trial", "DEMO", "--kind", "dxa"),
    ],
)
def test_without_tables_the_commands_say_what_to_run_first(db, command):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path TO pg_catalog")  # to this transaction there are none

    with pytest.raises(CommandError, match=r"has no tables yet: run `python manage\.py migrate` first\."):
        call_command(*command)
