"""Write docs/data-dictionary.md from the models and the analysis codebook: `make dictionary`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "data-dictionary.md"
APPS = ("trial", "screening", "analysis")
HEAD = """# Data dictionary

Written by `make dictionary` from the models and the codebook; don't edit. Times are UTC. "Partial dates"
(YYYY, YYYY-MM or YYYY-MM-DD) are text, so that what is not known stays unknown. Columns that end in `_sealed`
are encrypted with the person's own key, a list (`sealed`) with the trial's. An audit table repeats its
table's columns for every insert, update and delete, with who, why, how (`pgh_context`) and when.
"""


def text() -> str:
    """Return the page."""
    from django.apps import apps

    from analysis.subjects import CODEBOOK

    parts = [HEAD]
    for label in APPS:
        models = [m for m in apps.get_app_config(label).get_models() if not hasattr(m, "pgh_tracked_model")]
        parts += [f"## {label}\n", *(_table(model) for model in models)]
    parts += ["## The frozen dataset: one row a registered person\n", _lines(_variables(CODEBOOK))]
    return "\n".join(parts)


def _table(model: Any) -> str:
    rules = [f"`{c.name}`" for c in model._meta.constraints]
    kept = _kept(model._meta.db_table)
    said = f"{model.__doc__.strip().splitlines()[0]} Table `{model._meta.db_table}`: {kept}."
    names = f"\nConstraints: {', '.join(rules)}.\n" if rules else ""
    return f"### {model.__name__}\n\n{said}\n\n{_lines(_columns(model))}{names}"


def _kept(table: str) -> str:
    from config.postgres.roles import kept_tables

    kept = kept_tables()
    never = "rows are written once, never changed or deleted" if table in kept else ""
    audited = f"audited in `{table}event`" if f"{table}event" in kept else "not audited"
    return "; ".join(filter(None, [never, audited]))


def _columns(model: Any) -> Iterator[tuple[str, ...]]:
    yield "column", "type", "empty?", "what it is"
    for field in model._meta.concrete_fields:
        empty = field.null or (field.blank and not field.primary_key)
        yield f"`{field.column}`", _type(field), "may be" if empty else "never", _meaning(field)


def _type(field: Any) -> str:
    from django.db import connection

    if field.is_relation:
        return f"→ {field.related_model.__name__}"
    return str(field.db_type(connection))


def _meaning(field: Any) -> str:
    named = str(field.verbose_name) if field.verbose_name != field.name.replace("_", " ") else ""
    codes = ", ".join(str(code) for code, _ in field.flatchoices)
    parts = [named, str(field.help_text).rstrip("."), f"One of: {codes}" if codes else ""]
    return ". ".join(filter(None, parts))


def _variables(codebook: tuple[Any, ...]) -> Iterator[tuple[str, ...]]:
    yield "variable", "what it is", "type", "unit", "codes", "from"
    for v in codebook:
        yield f"`{v.name}`", v.label, v.type, v.unit or "", _codes(v.codes), v.source


def _codes(codes: Mapping[str, str]) -> str:
    return ", ".join(f"{code} = {label}" for code, label in codes.items())


def _lines(rows: Iterator[tuple[str, ...]]) -> str:
    head, *rest = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * (head.count(" | ") + 1), *rest]) + "\n"


def main() -> None:
    """Write the page."""
    import django

    django.setup()
    PAGE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
