"""The clinical history of the made-up people as the CSV files a hospital would send."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from config.demo.console import Say
from config.demo.people import ISSUER, MadeUp
from trial.models import Trial, User

Line = dict[str, str]


def write_extracts(people: Sequence[MadeUp], folder: Path) -> list[tuple[str, Path]]:
    """Write one file a kind of fact; return kind and path in the order to import them."""
    folder.mkdir(parents=True, exist_ok=True)
    extracts = [
        ("registration", ["name", "phone", "sex", "birth_date"], _registrations(people)),
        ("history", sorted({name for p in people for name in p.history}), _histories(people)),
        ("medication", ["drug_class", "started_on"], _drugs(people)),
        ("diagnosis", ["code", "diagnosed_on"], _diagnoses(people)),
        ("dxa", ["exam_date", "lumbar_spine_t"], _exams(people)),
        ("vital_status", ["died_on"], _deaths(people)),
    ]
    return [
        (kind, _write(folder / f"{kind}.csv", ["issuer", "number", *names], rows))
        for kind, names, rows in extracts
    ]


def import_extract(say: Say, path: Path, *, trial: Trial, kind: str, by: User) -> None:
    """Import an extract as its staff would, and say in one line what became of its rows."""
    said = StringIO()
    told = {"by": by.username, "commit": True, "verbosity": 0, "stdout": said}
    call_command("import_clinical", str(path), trial=trial.code, site=1, kind=kind, **told)
    say(f"  {said.getvalue().strip()}")


def _write(path: Path, names: Sequence[str], rows: Iterable[Line]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _who(person: MadeUp) -> Line:
    return {"issuer": ISSUER, "number": person.number}


def _registrations(people: Sequence[MadeUp]) -> Iterable[Line]:
    for p in people:
        yield _who(p) | {"name": p.name, "phone": p.phone, "sex": p.sex, "birth_date": str(p.birth_date)}


def _histories(people: Sequence[MadeUp]) -> Iterable[Line]:
    return (_who(p) | dict(p.history) for p in people)


def _drugs(people: Sequence[MadeUp]) -> Iterable[Line]:
    return (_who(p) | {"drug_class": p.drug[0], "started_on": p.drug[1]} for p in people if p.drug[0])


def _diagnoses(people: Sequence[MadeUp]) -> Iterable[Line]:
    return (
        _who(p) | {"code": p.diagnosis[0], "diagnosed_on": p.diagnosis[1]} for p in people if p.diagnosis[0]
    )


def _exams(people: Sequence[MadeUp]) -> Iterable[Line]:
    return (_who(p) | {"exam_date": p.earlier_dxa, "lumbar_spine_t": "-1.4"} for p in people if p.earlier_dxa)


def _deaths(people: Sequence[MadeUp]) -> Iterable[Line]:
    return (_who(p) | {"died_on": p.died_on} for p in people if p.died_on)
