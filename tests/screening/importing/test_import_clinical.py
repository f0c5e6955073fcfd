"""The import command: preview and commit, whole files that are refused, and what is printed."""

import pytest
from django.core.management import CommandError, call_command

from screening.models import DxaExam, DxaMeasurement, Treatment
from screening.services import extracts, outcomes
from tests.factories import appoint, make_world
from tests.screening.importing.extracts import counts, known, messages, refusal, run
from trial import bulk
from trial.models import Participant
from trial.roles import Role
from trial.services import trials

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["number,birthdate", "A1,1950"], "Unknown column 'birthdate' (did you mean birth_date?)"),
        (["issuer,sex", "TEST,F"], "Column number is missing"),
        (["number,sex,sex", "A1,F,F"], "Two columns are named sex"),
        (["number,,sex", "A1,,F"], "Column 2 has no name"),
        (["number;sex", "A1;F"], "The columns are separated by semicolons. Save it as CSV with commas"),
        (["number\tsex", "A1\tF"], "separated by tabs"),
        (["number,name", 'A1,"open'], "can't be read as CSV"),
        ([""], "The file is empty"),
    ],
)
def test_a_wrong_file_is_refused_whole_and_says_why(world, extract, lines, said):
    assert said in refusal(world, extract(*lines), "registration", commit=True)
    assert not Participant.objects.exists()


@pytest.mark.parametrize(
    ("kind", "header", "missing"),
    [
        ("history", "number", "bmi (or another of its kind)"),
        ("medication", "number,drug_class", "started_on"),
        ("dxa", "number,exam_date", "lumbar_spine_t (or another of its kind)"),
        ("diagnosis", "number,diagnosed_on", "code"),
        ("vital_status", "study_number", "died_on (or another of its kind)"),
        ("history", "issuer,bmi", "number (or study_number)"),
    ],
)
def test_each_kind_names_the_column_that_is_missing(world, extract, kind, header, missing):
    assert f"Column {missing} is missing" in refusal(world, extract(header, "A1"), kind)


def test_encodings(world, extract):
    rows = ["number,name", "A1,測試"]

    big5 = refusal(world, extract(*rows, encoding="big5"), "registration")
    utf16 = refusal(world, extract(*rows, encoding="utf-16"), "registration")
    assert "not written in UTF-8 (byte 0xB4 on line 2)" in big5 and "UTF-16" in utf16
    assert counts(run(world, extract(*rows, encoding="utf-8-sig"), "registration")) == (1, 0, 0, 0)


def test_blank_lines_spare_columns_and_capitals_do_no_harm(world, extract):
    path = extract("Number, Birth Date ,,", "A1,1950,,", "", " , , ,", "A2,1951,,", "A3,,,x")

    answer = run(world, path, "registration", commit=True)

    assert counts(answer) == (2, 0, 0, 1) and list(messages(answer)) == [6]


def test_a_file_of_column_names_alone_has_nothing_to_do(world, extract):
    assert counts(run(world, extract("issuer,number,died_on"), "vital_status", commit=True)) == (0, 0, 0, 0)


def test_an_unknown_trial_names_those_that_exist(world, extract):
    with pytest.raises(CommandError, match=r"There is no trial 'NOPE'\. Trials here: DEMO\.") as refused:
        call_command("import_clinical", str(extract("number", "A1")), trial="NOPE", kind="registration")
    assert refused.value.returncode == 2


def test_a_missing_file_and_an_unknown_site_are_named(world, extract, tmp_path):
    assert "No such file" in refusal(world, tmp_path / "none.csv", "registration")
    assert "has no site 3. Sites: 1." in refusal(world, extract("number", "A1"), "registration", site=3)


def test_a_draft_trial_takes_nothing(db, extract):
    world = make_world(active=False)

    assert "no protocol in force" in refusal(world, extract("number", "A1"), "registration", commit=True)


def test_the_text_answer_lists_lines_and_counts(world, extract, capsys):
    path = extract("number,sex", "A1,F", "A2,X")

    with pytest.raises(CommandError, match="1 of 2 rows were refused"):
        call_command("import_clinical", str(path), trial="DEMO", kind="registration")

    said = capsys.readouterr().out
    assert "line 3: refused: sex: “x” is none of" in said
    assert "1 new, 0 changed, 0 unchanged, 1 refused (a preview, nothing was written: add --commit)" in said


def test_no_hospital_number_or_name_is_printed(world, extract, capsys):
    known(world, "SECRET-1", name="PHANTOM^Old")
    path = extract("issuer,number,name,sex", "TEST,SECRET-1,PHANTOM^New,", "TEST,SECRET-2,PHANTOM^Two,X")

    with pytest.raises(CommandError):
        call_command("import_clinical", str(path), trial="DEMO", kind="registration", commit=True)

    printed = "".join(capsys.readouterr())
    assert "name" in printed and not [w for w in ("SECRET", "PHANTOM") if w in printed]


def test_an_import_that_fails_midway_leaves_nothing(world, extract, monkeypatch):
    known(world, "A1")
    insert = bulk.insert

    def breaks_down(rows) -> None:
        if isinstance(rows[0], DxaMeasurement):
            raise RuntimeError("power cut")
        insert(rows)

    monkeypatch.setattr(bulk, "insert", breaks_down)
    path = extract("issuer,number,exam_date,total_hip_t", "TEST,A1,2022,-1.1")

    with pytest.raises(RuntimeError):
        run(world, path, "dxa", commit=True)

    assert not DxaExam.objects.exists()


def test_a_record_that_moved_on_since_the_preview_refuses_the_import(world, extract, monkeypatch):
    (person,) = known(world, "A1")
    record = extracts.record_treatments

    def overtaken(facts, **kwargs) -> None:
        outcomes.record_treatment(person, drug_class=facts[0].code, started_on=facts[0].day, by=None)
        record(facts, **kwargs)

    monkeypatch.setattr(extracts, "record_treatments", overtaken)
    path = extract("issuer,number,drug_class,started_on", "TEST,A1,denosumab,2022")

    assert "Nothing was written: run it again" in refusal(world, path, "medication", commit=True)


def test_an_import_in_somebody_s_name_is_theirs_on_record_and_in_the_trail(world, extract):
    known(world, "A1")
    path = extract("issuer,number,drug_class,started_on", "TEST,A1,denosumab,2022")

    run(world, path, "medication", commit=True, by=world.data_manager.username)

    assert Treatment.objects.get().recorded_by == world.data_manager
    by, how = str(world.data_manager.pk), "command"
    assert Treatment.pgh_event_model.objects.get().pgh_context == {"by": by, "how": how, "why": "import"}


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("nobody", "There is no account 'nobody' (--by)"),
        ("demo-caller", "lacks the permission “import clinical” for DEMO-01 First site"),
    ],
)
def test_an_import_is_in_the_name_of_somebody_who_may(world, extract, by, said):
    path = extract("number,sex", "A1,F")

    assert said in refusal(world, path, "registration", commit=True, by=by)
    assert not Participant.objects.exists()


def test_a_data_manager_of_one_site_imports_for_no_other(world, extract):
    second = trials.add_site(world.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    appoint(world, world.stranger, Role.DATA_MANAGER, second)

    said = refusal(world, extract("number,sex", "A1,F"), "registration", by=world.stranger.username)

    assert "lacks the permission “import clinical” for DEMO-01 First site" in said
