"""A frozen dataset to be handed over: one zip that a statistician elsewhere can check and analyze without us.

The same freeze gives the same bytes: files in one order, every time in them the cut-off's.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import pandas as pd
import pyarrow as pa
import pyreadstat
from pyarrow import parquet

from analysis.adsl import (
    POPULATION_FLAGS,
    AdslVariable,
    Dates,
    Record,
    Unfit,
    Value,
    event_flag,
    records,
    variables,
)
from analysis.plan import MISSING, UNPLANNED, Plan, read
from analysis.subjects import SubjectRow

SCRIPTS = Path(__file__).parent / "scripts"
TABLE = "ADSL"
SAS_START = date(1960, 1, 1)
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)  # of a file in a zip
# Of the SAS transport format: where the file and its one table say when they were made and changed.
XPT_TIMES = (144, 160, 464, 480)
UNPRINTED = (("odds_ratio", "firth"), ("test", "boschloo"))  # methods that the scripts have not
DATES_SAID: Mapping[Dates, str] = MappingProxyType(
    {
        "dates": "Dates are dates.",
        "study_days": "Dates are days of study: day 1 is that of randomization. Who was not randomized has none.",
    }
)


@dataclass(frozen=True)
class About:
    """What a bundle says of the freeze that it was made from."""

    study: str
    title: str
    freeze: int
    purpose: str
    cut_off: datetime
    sha256: str
    audit_head: str
    code_version: str
    protocol_version: int
    plan: str = ""  # YAML
    warning: str = ""  # that nothing in it is real


def bundle(rows: Iterable[SubjectRow], about: About, dates: Dates) -> bytes:
    """Return the zip. Raises Unfit where a value can't be held."""
    plan = read(about.plan) if about.plan else None
    columns = variables(about.study, plan, dates)
    made = records(rows, columns)
    files = {
        "README.txt": _readme(about, plan or UNPLANNED, dates).encode(),
        "adsl.csv": to_csv(columns, made).encode("ascii"),
        "adsl.parquet": to_parquet(columns, made),
        "adsl.xpt": to_xpt(columns, made, about.cut_off),
        "analysis.R": _script("analysis.R", plan or UNPLANNED),
        "analysis.py": _script("analysis.py", plan or UNPLANNED),
        "codebook.csv": _codebook(columns).encode(),
        **({"plan.yaml": about.plan.encode()} if about.plan else {}),
    }
    return _zipped(files | {"MANIFEST.sha256": _manifest(files)}, about.cut_off)


def to_csv(columns: Sequence[AdslVariable], made: Iterable[Record]) -> str:
    """Write records as CSV; what is missing is empty."""
    return _lines(
        [column.name for column in columns],
        ([_plain(record[column.name]) for column in columns] for record in made),
    )


def _plain(value: Value) -> str:
    return "" if value is None else str(value)


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


# --- Parquet and SAS transport ------------------------------------------------------------------------------

PARQUET_TYPES = MappingProxyType(
    {"text": pa.string(), "integer": pa.int32(), "number": pa.float64(), "date": pa.date32()}
)


def to_parquet(columns: Sequence[AdslVariable], made: Sequence[Record]) -> bytes:
    """Write records as Parquet, each column with its label."""
    schema = pa.schema(
        [pa.field(c.name, PARQUET_TYPES[c.type], metadata={"label": c.label}) for c in columns]
    )
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([dict(record) for record in made], schema=schema), out)
    return out.getvalue()


def to_xpt(columns: Sequence[AdslVariable], made: Sequence[Record], moment: datetime) -> bytes:
    """Write records as a SAS transport file, version 5, with this moment in place of the clock's."""
    frame = pd.DataFrame({c.name: _series([record[c.name] for record in made], c) for c in columns})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "adsl.xpt"
        pyreadstat.write_xport(
            frame,
            path,
            file_label="Subject-Level Analysis Dataset",
            column_labels=[c.label for c in columns],
            table_name=TABLE,
            file_format_version=5,
            variable_format={c.name: "DATE9." for c in columns if c.type == "date"},
        )
        return _dated(path.read_bytes(), moment)


def _series(values: Sequence[Value], column: AdslVariable) -> pd.Series:
    """Return a column as the writer takes it; SAS knows texts and doubles, and dates as days since 1960."""
    if column.type == "text":
        return pd.Series(values, dtype="object")
    numbers = [(value - SAS_START).days if isinstance(value, date) else value for value in values]
    return pd.Series(numbers, dtype="float64")


def _dated(file: bytes, moment: datetime) -> bytes:
    """Put a moment in the place of the times at which the writer worked."""
    said = f"{moment.astimezone(UTC):%d%b%y:%H:%M:%S}".upper().encode()
    for place in XPT_TIMES:
        if not file[place : place + 16].strip()[2:5].isalpha():
            raise Unfit(f"The transport file has no time at byte {place}; its writer has changed.")
        file = file[:place] + said + file[place + 16 :]
    return file


# --- what goes with the data --------------------------------------------------------------------------------


def _codebook(columns: Sequence[AdslVariable]) -> str:
    head = ["name", "label", "type", "length", "codes", "source"]
    return _lines(head, ([c.name, c.label, c.type, str(c.length), _codes(c), c.source] for c in columns))


def _codes(column: AdslVariable) -> str:
    return "; ".join(f"{code} = {label}" for code, label in column.codes.items())


def _script(name: str, plan: Plan) -> bytes:
    """Return a script with the plan's population, endpoints and rule in the place of its marks."""
    told = {
        "POPULATION": POPULATION_FLAGS[plan.population],
        "ENDPOINTS": " ".join(map(event_flag, plan.endpoints)),
        "LEAVE_OUT_WITHDRAWN": "yes" if plan.missing == "leave_out_withdrawn" else "no",
    }
    text = (SCRIPTS / name).read_text(encoding="ascii")
    for mark, words in told.items():
        text = text.replace(f"@{mark}@", words)
    return text.encode("ascii")


def _manifest(files: Mapping[str, bytes]) -> bytes:
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()
    ).encode()


def _zipped(files: Mapping[str, bytes], moment: datetime) -> bytes:
    when = max(moment.astimezone(UTC), EARLIEST).timetuple()[:6]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, when)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            entry.create_system = 3  # the same on every system
            archive.writestr(entry, content)
    return out.getvalue()


def _readme(about: About, plan: Plan, dates: Dates) -> str:
    said = [
        *([about.warning.upper(), ""] if about.warning else []),
        f"{about.title} ({about.study}), freeze {about.freeze}: {about.purpose}",
        f"Facts recorded up to {about.cut_off.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC.",
        f"Protocol version {about.protocol_version}, code {about.code_version}.",
        f"SHA-256 of the frozen dataset: {about.sha256}",
        *([f"Head of the audit chain: {about.audit_head}"] if about.audit_head else []),
        "",
        "adsl.csv, adsl.parquet and adsl.xpt (SAS transport, version 5) hold the same: one record a registered",
        "person, shaped as ADaM's ADSL. codebook.csv says what each variable is. There are no names and no",
        f"hospital numbers in any of them. {DATES_SAID[dates]}",
        "People at low risk and others who were not randomized are in, with TRT01P empty and the reason in ARMNRS.",
        "ADaM's names, labels, lengths and flags were checked by the program that wrote this, not by a validator.",
        "",
        *_of_scripts(plan, bool(about.plan)),
        "",
        "sha256sum -c MANIFEST.sha256 tells whether a file was changed.",
        "",
    ]
    return "\n".join(said)


def _of_scripts(plan: Plan, planned: bool) -> Iterable[str]:
    yield "Rscript analysis.R and python3 analysis.py each compute the effects from adsl.csv alone: base R, and"
    yield "Python's standard library."
    yield (
        "The comparisons are those of plan.yaml."
        if planned
        else "No plan was in force: all of it is post hoc."
    )
    yield f"Counted: {plan.analysis_set(plan.population).definition}."
    yield f"Missing outcomes: {MISSING[plan.missing]}."
    yield "Each is told by several methods; the report prints the plan's. Beside an empty cell, where Woolf's and the"
    yield "log interval don't exist, it prints the exact conditional limits and Miettinen and Nurminen's instead."
    lacking = [f"{name} by {method}" for name, method in UNPRINTED if getattr(plan.methods, name) == method]
    if lacking:
        yield f"The plan asks for {' and '.join(lacking)}, which the scripts have not: see the report for those."
