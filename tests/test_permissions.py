"""Every address, asked by every role: the answers equal a checked-in table, and it equals the role matrix.

A new address needs its rows. `SCREENTRIAL_WRITE_PERMISSIONS=1 pytest tests/test_permissions.py` fills in the
answers; say in the column `needs` who is to be let in, and read the difference before it is committed.
"""

import csv
import os
from pathlib import Path

import pytest

from config.admin_site import OPENED_BY
from tests.factories import signed_in
from tests.stage import make_stage
from tests.walk import EVERYBODY, address, answer_of, asking, logged
from trial.roles import MATRIX, Permission, Role
from trial.services import delegation

TABLE = Path(__file__).with_name("permissions.csv")
LET_IN = frozenset({"200", "201", "202", "302", "400", "409", "415", "422"})
KEPT_OUT = frozenset({"login", "401", "403", "404", "405"})
WORDS = {
    "anybody": EVERYBODY,
    "signed in": EVERYBODY[1:],
    "any role": EVERYBODY[2:],
    "admin": [role.value for role, held in MATRIX.items() if held & OPENED_BY],
    "nobody": [],
}

Answers = dict[tuple[str, str], dict[str, str]]


def table() -> Answers:
    """Read the checked-in table by method and route."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="") as file:
        return {(row.pop("method"), row.pop("route")): row for row in csv.DictReader(file)}


def write(answers: Answers, known: Answers) -> None:
    """Write what was answered, keeping what each row was said to need."""
    with TABLE.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["method", "route", "needs", *EVERYBODY])
        for key, row in answers.items():
            out.writerow([*key, known.get(key, {}).get("needs", "?"), *(row[who] for who in EVERYBODY)])


def differences(answers: Answers, known: Answers) -> list[str]:
    """Say in which cells the answers differ from the table."""
    found = [f"{' '.join(key)}: not in the table" for key in answers.keys() - known.keys()]
    found += [f"{' '.join(key)}: in the table, but no such address" for key in known.keys() - answers.keys()]
    for key in answers.keys() & known.keys():
        cells = [who for who in EVERYBODY if answers[key][who] != known[key][who]]
        found += [f"{' '.join(key)}: {w} gets {answers[key][w]}, not {known[key][w]}" for w in cells]
    return sorted(found)


def let_in_by(needs: str) -> frozenset[str]:
    """Return who may come in: one of WORDS, or the permissions of which one is needed (|) or all are (&)."""
    if "&" in needs:
        return frozenset.intersection(*(let_in_by(part) for part in needs.split("&")))
    if needs in WORDS:
        return frozenset(WORDS[needs])
    asked = {Permission(name) for name in needs.split("|")}
    return frozenset(role.value for role, held in MATRIX.items() if held & asked)


@pytest.mark.slow
def test_every_address_answers_every_role_as_the_table_says(walked):
    known = table()
    if os.environ.get("SCREENTRIAL_WRITE_PERMISSIONS"):
        write(walked.answers, known)
        known = table()

    assert differences(walked.answers, known) == []


def test_a_new_address_a_lost_one_and_another_answer_are_noticed():
    shut, known = dict.fromkeys(EVERYBODY, "403"), {("GET", "/old/"): dict.fromkeys(EVERYBODY, "403")}

    assert differences({("GET", "/old/"): shut}, known) == []
    assert differences({("GET", "/new/"): shut}, known) == [
        "GET /new/: not in the table",
        "GET /old/: in the table, but no such address",
    ]
    assert differences({("GET", "/old/"): shut | {"caller": "200"}}, known) == [
        "GET /old/: caller gets 200, not 403"
    ]


def test_the_table_lets_in_whom_the_role_matrix_lets_in():
    let_in = {key: {who for who in EVERYBODY if row[who] in LET_IN} for key, row in table().items()}
    wrong = [
        f"{' '.join(key)}: needs {row['needs']}, but {', '.join(let_in[key] ^ let_in_by(row['needs']))}"
        for key, row in table().items()
        if let_in[key] != let_in_by(row["needs"])
    ]

    assert not wrong, "\n".join(wrong)
    assert {row[who] for row in table().values() for who in EVERYBODY} <= LET_IN | KEPT_OUT


@pytest.mark.slow
def test_nobody_reaches_what_belongs_to_another_trial(db):
    here, elsewhere = make_stage(), make_stage("OTHER")
    ask, reached = asking(here), []

    with logged():
        for (method, route), row in table().items():
            theirs = address(route, elsewhere, elsewhere.screening)
            # A risk model belongs to the installation; the admin's short address leads to the full one
            # without looking.
            if theirs == address(route, here, here.screening) or "modelversion" in route:
                continue
            for who in {who for who in EVERYBODY if row[who] in LET_IN} - {Role.SYSTEM_ADMINISTRATOR}:
                if (answer := answer_of(ask(who, method, theirs))) not in KEPT_OUT:
                    reached.append(f"{who} {method} {route}: {answer}")

    assert [line for line in reached if "<path:object_id>/: 302" not in line] == []


def test_a_role_that_ends_ends_in_the_middle_of_a_session(world):
    client = signed_in(world.monitor)
    before = client.get("/api/v1/participants/").status_code

    delegation.end_entry(world.monitor.memberships.get(), reason="The monitor leaves.", by=world.investigator)

    assert (before, client.get("/api/v1/participants/").status_code) == (200, 403)
