"""What each column of a kind holds, in words, and an empty file with the right header."""

from typing import NamedTuple

from django import forms

from screening.importing.plan import Kind
from trial.forms import WordField

# Columns that no form asks for.
BESIDE = {
    "issuer": "The hospital that gave the number, as films name it (Issuer of Patient ID).",
    "number": "Hospital number.",
    "study_number": "The person's number in this trial; it may stand in place of the hospital number.",
    "site": "Number of the site; empty means the one chosen here.",
    "confirmed": "yes for unusual values that are right, and for a second scan of a day.",
    "status": "alive or dead; alive is compared with the record and writes nothing.",
}


class Column(NamedTuple):
    """A column, whether no file goes without it, and what stands in it."""

    name: str
    needed: bool
    says: str


def columns_of(kind: Kind) -> list[Column]:
    """Return the columns of a kind in the order of its template."""
    needed = kind.required()
    return [Column(name, name in needed, _says(name, kind.form.fields.get(name))) for name in kind.columns()]


def template_of(kind: Kind) -> str:
    """Return an empty file, marked as UTF-8 so that spreadsheets keep to it."""
    return "\ufeff" + ",".join(kind.columns()) + "\r\n"


def _says(name: str, field: forms.Field | None) -> str:
    if field is None:
        return BESIDE[name]
    label = str(field.label or name.replace("_", " ").capitalize())
    one_of = f"one of {', '.join(str(w.value) for w in field.words)}" if isinstance(field, WordField) else ""
    return (
        ". ".join(filter(None, (f"{label}: {one_of}" if one_of else label, str(field.help_text).rstrip("."))))
        + "."
    )
