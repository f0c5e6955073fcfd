"""A bundle is whole, the same each time, and reproduces the report from its CSV alone, in R and in Python."""

import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pyreadstat
import pytest
from pyarrow import parquet

from analysis.adsl import FACTS, Unfit, check, dated, event_flag, records, variables
from analysis.bundle import UNPRINTED, About, bundle
from analysis.effects import ENDPOINTS, effect
from analysis.estimators import log_risk_ratio, woolf
from analysis.methods import ODDS_RATIOS, RISK_DIFFERENCES, RISK_RATIOS, TESTS
from analysis.plan import UNPLANNED, read
from analysis.services import freezes
from analysis.subjects import CODEBOOK
from tests.analysis.people import people, person
from tests.analysis.plans import PLAN, SHORT
from tests.browsing import browser
from tests.factories import make_participant, randomized
from trial.eligibility import ReasonCode

DAY = date(2023, 1, 20)
DXA = {"dxa": True, "dxa_trial": True, "osteoporosis": True}
ROWS = people(30, arm="screening", randomized_on=DAY, **DXA) + people(41, arm="screening", randomized_on=DAY)
ROWS += people(3, arm="control", randomized_on=DAY, treated=True, drugs=frozenset({"denosumab"}), **DXA)
ROWS += people(60, arm="control", randomized_on=DAY) + people(7, arm="control", withdrawn=True, bmi=22.5)
ROWS += people(2, arm="control", allocation_error="duplicate", osteoporosis=True)
ROWS += [person(risk_class="low"), person(eligible=False, risk_class=None, sex=None, age=None)]
LEAVE_OUT = SHORT.replace("no_record_is_no_event", "leave_out_withdrawn").replace(
    "intention_to_treat", "without_errors"
)
ABOUT = About(
    *("T01", "A trial", 1, "Final analysis", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
    *("0" * 64, "1" * 64, "a version", 2),
)
NOTHING = -99.0  # what no estimate is
needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed (.ci/run does)")


def unpacked(folder: Path, rows=ROWS, plan: str = PLAN, dates="dates") -> Path:
    made = bundle(rows, replace(ABOUT, plan=plan), dates)
    zipfile.ZipFile(io.BytesIO(made)).extractall(folder)
    return folder


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def adsl(folder: Path) -> list[dict[str, str]]:
    return lines((folder / "adsl.csv").read_text())


# --- the scripts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [PLAN, LEAVE_OUT, ""], ids=["shipped", "leave out", "none"])
@pytest.mark.parametrize(
    "command", [[sys.executable, "-I", "analysis.py"], pytest.param(["Rscript", "analysis.R"], marks=needs_r)]
)
def test_the_scripts_print_the_report_s_numbers_from_the_csv_alone(tmp_path, command, plan):
    folder = unpacked(tmp_path, plan=plan)
    for other in (path for path in folder.iterdir() if path.name not in ("adsl.csv", command[-1])):
        other.unlink()

    said = subprocess.run(
        [*command[:-1], str(folder / command[-1])], capture_output=True, text=True, check=True, cwd="/"
    )

    printed = {(n["endpoint"], n["measure"], n["method"]): n for n in lines(said.stdout)}
    told = read(plan) if plan else UNPLANNED
    assert next(iter(printed))[0] == event_flag(told.primary)
    for endpoint in (e for e in ENDPOINTS if e.key in told.endpoints):
        agrees(printed, endpoint, told)
    assert len(printed) == (4 + len(BY_METHOD)) * len(told.endpoints)


def agrees(printed, endpoint, plan) -> None:
    """Compare each of an endpoint's lines with what the report computes by that method."""
    members = plan.analysis_set(plan.population).select(ROWS)
    table, flag = effect(plan.counted(members, endpoint), endpoint).counts, event_flag(endpoint.key)
    counted = [n["value"] for (of, _, method), n in printed.items() if (of, method) == (flag, "count")]
    assert counted == [str(n) for n in table], flag
    for (measure, method), by in BY_METHOD.items():
        found = by(table)
        expected = [found.p, None, None] if measure == "p" else found[:3]
        assert numbers(printed[flag, measure, method]) == near(expected), (flag, method)


BY_METHOD = {
    ("odds_ratio", "Woolf"): woolf,
    ("odds_ratio", "exact conditional"): ODDS_RATIOS["exact_conditional"],
    ("risk_ratio", "log (Katz)"): log_risk_ratio,
    ("risk_ratio", "Koopman"): RISK_RATIOS["koopman"],
    ("risk_ratio", "Miettinen-Nurminen"): RISK_RATIOS["miettinen_nurminen"],
    ("risk_difference", "Miettinen-Nurminen"): RISK_DIFFERENCES["miettinen_nurminen"],
    ("risk_difference", "Newcombe"): RISK_DIFFERENCES["newcombe"],
    ("risk_difference", "Wald"): RISK_DIFFERENCES["wald"],
    ("p", "Pearson chi-square, no correction"): TESTS["pearson"],
    ("p", "Pearson chi-square, Yates correction"): TESTS["pearson_yates"],
    ("p", "Fisher exact"): TESTS["fisher"],
    ("p", "Fisher mid-p"): TESTS["mid_p"],
}


def test_the_scripts_have_every_method_a_plan_may_choose_but_those_they_name():
    may_be_chosen = sum(map(len, (ODDS_RATIOS, RISK_RATIOS, RISK_DIFFERENCES, TESTS)))
    assert len(BY_METHOD) == may_be_chosen - len(UNPRINTED)


def near(expected):
    return pytest.approx([NOTHING if number is None else number for number in expected], rel=1e-6, abs=1e-300)


def numbers(line) -> list[float]:
    return [float(line[name]) if line[name] else NOTHING for name in ("value", "low", "high")]


@needs_r
def test_r_counts_as_many_people_as_a_large_trial_has(tmp_path):
    """R's whole numbers end at two thousand millions, which is soon reached by products of counts."""
    folder = unpacked(tmp_path, plan=SHORT)
    few = [",".join(row[name] for name in ("ITTFL", "TRT01P", "OPFL")) for row in adsl(folder)]
    (folder / "adsl.csv").write_text("\n".join(["ITTFL,TRT01P,OPFL", *few * 2000]) + "\n")

    in_r, in_python = (
        lines(subprocess.run(run, capture_output=True, text=True, check=True, cwd=folder).stdout)
        for run in (["Rscript", "analysis.R"], [sys.executable, "analysis.py"])
    )

    assert in_r[1]["value"] == "142000"
    for mine, theirs in zip(in_r, in_python, strict=True):
        assert numbers(mine) == near(numbers(theirs)), mine


# --- the files ----------------------------------------------------------------------------------------------


def test_all_formats_hold_the_same_with_labels(tmp_path):
    folder = unpacked(tmp_path)
    told = {line["name"]: line for line in lines((folder / "codebook.csv").read_text())}
    rows = adsl(folder)
    table = parquet.read_table(folder / "adsl.parquet")
    sas, about = pyreadstat.read_xport(str(folder / "adsl.xpt"))

    assert len(rows) == table.num_rows == len(sas) == len(ROWS)
    assert list(told) == list(rows[0]) == table.column_names == list(sas.columns)
    assert about.table_name == "ADSL" and about.column_labels == [line["label"] for line in told.values()]
    assert table.schema.field("ITTFL").metadata == {b"label": b"Intent-To-Treat Population Flag"}
    for name in told:
        written = [row[name] for row in rows]
        assert [as_text(value) for value in table[name].to_pylist()] == written
        assert [as_text(value) for value in sas[name].tolist()] == written, name


def as_text(value) -> str:
    """Return a value as the CSV writes it; SAS knows no whole numbers and no nothing."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def test_the_same_freeze_gives_the_same_bytes_and_a_manifest_that_is_true(tmp_path):
    first = bundle(ROWS, ABOUT, "dates")

    assert bundle(ROWS, ABOUT, "dates") == first != bundle(ROWS, ABOUT, "study_days")
    assert {entry.date_time for entry in zipfile.ZipFile(io.BytesIO(first)).infolist()} == {
        (2024, 1, 2, 3, 4, 4)  # a zip counts by twos
    }
    folder = unpacked(tmp_path)
    assert (folder / "adsl.xpt").read_bytes().count(b"02JAN24:03:04:05") == 4
    listed = dict(
        reversed(line.split("  ")) for line in (folder / "MANIFEST.sha256").read_text().splitlines()
    )
    assert listed == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "MANIFEST.sha256"
    }
    assert (folder / "plan.yaml").read_text() == PLAN


def test_dates_are_left_out_where_days_of_study_are_asked_for(tmp_path):
    folder = unpacked(tmp_path, dates="study_days")
    rows = adsl(folder)

    assert {row["RANDDY"] for row in rows if row["ARM"]} == {"1", ""} and "RANDDT" not in rows[0]
    for path in folder.iterdir():
        assert str(DAY).encode() not in path.read_bytes(), path


def test_a_readme_says_what_is_not_real_and_what_the_scripts_lack(tmp_path):
    other = PLAN.replace("odds_ratio: woolf", "odds_ratio: firth")
    made = bundle(ROWS, replace(ABOUT, plan=other, warning="Demonstration: made up."), "dates")
    readme = zipfile.ZipFile(io.BytesIO(made)).read("README.txt").decode()

    assert readme.startswith("DEMONSTRATION: MADE UP.") and "odds_ratio by firth" in readme
    assert "firth" not in (unpacked(tmp_path) / "README.txt").read_text()


def test_a_trial_that_has_only_begun_has_a_bundle(tmp_path):
    for number, rows in enumerate(([], [person(risk_class=None)])):
        folder = unpacked(tmp_path / str(number), rows)
        assert len(pyreadstat.read_xport(str(folder / "adsl.xpt"))[0]) == len(rows)
        run = [sys.executable, str(folder / "analysis.py")]
        assert "OPFL,odds_ratio,Woolf,,," in subprocess.run(run, capture_output=True, text=True).stdout


# --- ADSL ---------------------------------------------------------------------------------------------------


def test_who_was_not_randomized_is_in_without_treatment_and_with_the_reason():
    low, out, waiting, arm = records(
        [
            person(risk_class="low"),
            person(eligible=False),
            person(not_randomized_reason="died before"),
            ROWS[0],
        ],
        variables("T01", None, "dates"),
    )

    for record, why in ((low, "Low risk"), (out, "Not eligible"), (waiting, "Died before")):
        assert (record["TRT01P"], record["ARMCD"], record["RANDFL"], record["ARMNRS"]) == ("", "", "N", why)
        assert record["TRT01PN"] is record["RANDDT"] is None
    assert (arm["TRT01P"], arm["TRT01PN"], arm["ARMNRS"], arm["RANDDT"]) == ("Screening arm", 1, "", DAY)


def test_every_field_of_the_frozen_dataset_is_told_by_some_variable():
    """A new field makes this fail until it has its place in the file."""
    told = {word for column in variables("T01", None, "dates") for word in re.findall(r"\w+", column.source)}
    assert [v.name for v in CODEBOOK if v.name not in told] == []
    flagged = {v.name for v in CODEBOOK if v.type == "yes/no"} - {"died"}
    assert flagged == set(FACTS)
    assert {event_flag(endpoint.key) for endpoint in ENDPOINTS} <= {
        v.name for v in variables("T01", None, "dates")
    }


def test_reasons_that_do_not_fit_are_left_out_whole_and_counted():
    every = tuple(map(str, ReasonCode))
    [record] = records([person(eligible=False, ineligibility_reasons=every)], variables("T01", None, "dates"))

    told = str(record["INELRS"]).split(";")
    assert record["INELN"] == len(every) > len(told) and tuple(told) == every[: len(told)]


def test_per_protocol_is_there_where_the_plan_says_what_it_is():
    def flags(plan):
        return [r.get("PPROTFL") for r in records([ROWS[0], ROWS[-1]], variables("T01", plan, "dates"))]

    assert flags(read(PLAN)) == ["Y", "N"] and flags(read(SHORT)) == [None, None]


def test_study_days_skip_zero():
    [column] = dated("X", "Something", "seen_on", "study_days")
    days = [
        column.value(SimpleNamespace(randomized_on=start, seen_on=DAY + timedelta(after)))
        for start, after in ((DAY, -1), (DAY, 0), (DAY, 1), (None, 1))
    ]

    assert days == [-1, 1, 2, None] and column.name == "XDY"


GOOD = variables("T01", None, "dates")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "TOOLONGNAME"}, "'TOOLONGNAME' is no variable name"),
        ({"name": "1ST"}, "no variable name"),
        ({"name": "siteid"}, "no variable name"),
        ({"name": "AGE"}, "AGE names two variables"),
        ({"label": "x" * 41}, "SITEID: the label .* has 41 characters"),
        ({"label": "Größe"}, "label 'Größe'"),
        ({"length": 201}, "a length of 201 bytes"),
        ({"value": lambda row: "Zürich"}, r"SITEID of T01-.*'Zürich' has characters that are not ASCII"),
        ({"value": lambda row: "a\nb"}, "not ASCII"),
        ({"value": lambda row: "x" * 21}, "SITEID of .* has 21 bytes; the file holds 20"),
        ({"value": lambda row: 7}, "is no text"),
        ({"codes": {"Y": "Yes"}}, "'North' is none of Y"),
    ],
)
def test_what_the_transport_format_would_cut_or_spoil_is_refused_by_name_and_value(change, said):
    columns = [c._replace(**change) if c.name == "SITEID" else c for c in GOOD]

    with pytest.raises(Unfit, match=said):
        records([person()], columns)


def test_one_identifier_for_two_people_is_refused():
    who = person()

    with pytest.raises(Unfit, match=f"'T01-North-{who.study_number}' stands for 2 people"):
        records([who, who], GOOD)
    check(GOOD, [])


# --- from the page ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_bundle_from_the_page_names_nobody_and_is_for_whoever_may_know_the_arms(world):
    make_participant(world, name="Marigold Quill", number="CANARY-77", phone="+886 555 0177")
    randomized(world, 4)
    by = world.trial_statistician
    frozen = freezes.freeze(world.trial, purpose="Final", by=by, despite_findings=True)
    page = f"/reports/{frozen.pk}/files/bundle.zip"

    archive = zipfile.ZipFile(io.BytesIO(browser(world.randomization_statistician).get(page).content))

    told = b"".join(map(archive.read, archive.namelist()))
    assert frozen.sha256.encode() in told and world.trial.code.encode() in told
    assert not [secret for secret in (b"Marigold", b"CANARY", b"0177") if secret in told]
    assert len(lines(archive.read("adsl.csv").decode())) == 5
    assert browser(by).get(page).status_code == 404
