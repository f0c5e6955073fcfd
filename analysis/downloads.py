"""The files of a report, by name: what each holds, of what type, and who may have it."""

import csv
import io
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from analysis.adsl import Dates, Unfit
from analysis.bundle import About, bundle
from analysis.document import Document
from analysis.excel import to_xlsx
from analysis.masking import dummy_csv, in_dummy
from analysis.models import Freeze
from analysis.pdf import MissingGlyph, to_pdf, to_png
from analysis.services import freezes, reports
from analysis.services.blinded import blinded_document
from analysis.services.documents import IN_ENGLISH, RECORDED, document, drawing
from analysis.tables import to_csv
from analysis.word import to_docx
from analysis.wording import Wording
from trial.crypto import derived_key
from trial.models import TrialKind
from trial.roles import Permission
from trial.services.trials import Refused

P = Permission
T = TypeVar("T", Document, str)


class Make(Protocol):
    """Makes a file of a freeze, in a language where it has words of the report."""

    def __call__(self, freeze: Freeze, words: Wording = IN_ENGLISH, /) -> str | bytes: ...


class Download(NamedTuple):
    """One file: how to make it, and the permission it needs."""

    label: str
    content_type: str
    permission: Permission
    make: Make
    note: str = ""


def _table(name: str) -> Make:
    return lambda freeze, words=IN_ENGLISH: to_csv(words.table(reports.report(freeze).tables[name]))


def _svg(key: str, freeze: Freeze, words: Wording) -> str:
    return words.drawing(drawing(key, reports.report(freeze))).svg


def _drawn(key: str) -> Make:
    return lambda freeze, words=IN_ENGLISH: _svg(key, freeze, words)


def _png(key: str) -> Make:
    return lambda freeze, words=IN_ENGLISH: _printed(to_png, _svg(key, freeze, words))


def _whole(write: Callable[[Document], bytes]) -> Make:
    return lambda freeze, words=IN_ENGLISH: _printed(write, document(freeze, words))


def _as_it_is(make: Callable[[Freeze], str | bytes]) -> Make:
    """Make a file for programs, whose words are names: it is the same in every language."""
    return lambda freeze, words=IN_ENGLISH: make(freeze)


def _frax(freeze: Freeze, words: Wording = IN_ENGLISH) -> str:
    if not reports.report(freeze).fracture_risk.changes:
        raise Refused("Nobody scanned by the trial has FRAX on record: there is nothing to draw.")
    return _svg("fracture_risk", freeze, words)


def _blinded(write: Callable[[Document], bytes]) -> Make:
    return lambda freeze, words=IN_ENGLISH: _printed(write, blinded_document(freeze, words))


def _printed(write: Callable[[T], bytes], content: T) -> bytes:
    try:
        return write(content)
    except MissingGlyph as missing:
        raise Refused(f"{missing} The page and the workbook show it.") from None


def _codebook(freeze: Freeze) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "label", "type", "unit", "codes", "source", "dummy dataset"])
    for v in freeze.codebook:
        told = [v["name"], v["label"], v["type"], v["unit"] or "", _codes(v["codes"]), v["source"]]
        writer.writerow([*told, in_dummy(v["name"])])
    if freeze.trial.is_test:
        writer.writerow(["(TEST)", f"test data of {freeze.trial.tries}: nothing is real", *[""] * 5])
    if freeze.audit_head:  # no variable: what leaves the house bears witness of the record it was made from
        writer.writerow(["(audit chain)", f"head when it was frozen: {freeze.audit_head}", *[""] * 5])
    return out.getvalue()


def _codes(codes: dict[str, Any]) -> str:
    return "; ".join(f"{code} = {label}" for code, label in codes.items())


def _dummy(freeze: Freeze) -> str:
    # From a secret of the installation: with a known key, a list of study numbers would tell whose row is whose.
    return dummy_csv(freezes.subjects_csv(freeze), derived_key(f"dummy allocation:{freeze.pk}"))


def _bundle(dates: Dates) -> Make:
    def made(freeze: Freeze) -> bytes:
        try:
            return bundle(reports.report(freeze).rows, _about(freeze), dates)
        except Unfit as no:
            raise Refused(f"The bundle can't be written. {no}") from None

    return _as_it_is(made)


def _about(freeze: Freeze) -> About:
    trial = freeze.trial
    return About(
        study=trial.code,
        title=trial.title,
        freeze=freeze.number,
        purpose=freeze.purpose,
        cut_off=freeze.cut_off,
        sha256=freeze.sha256,
        audit_head=freeze.audit_head,
        code_version=freeze.code_version,
        protocol_version=freeze.protocol_version.number,
        plan=freeze.plan.text if freeze.plan else "",
        warning=_not_real(freeze),
    )


def _not_real(freeze: Freeze) -> str:
    """Say of a played trial that its people are made up."""
    if freeze.trial.is_test:
        return f"Test of {freeze.trial.tries}: nothing here is real."
    return {
        TrialKind.DEMONSTRATION: "Demonstration: every person and every number here is made up.",
        TrialKind.RECORDED: RECORDED,
    }.get(TrialKind(freeze.trial.kind), "")


CSV, SVG, PNG = "text/csv; charset=utf-8", "image/svg+xml", "image/png"
OFFICE = "application/vnd.openxmlformats-officedocument"
PICTURES = {
    "flow": "CONSORT flow",
    "effects": "Forest plot of effects",
    "subgroups": "Forest plot of subgroups",
    "cascade_screening": "Cascade, screening arm",
    "cascade_control": "Cascade, control arm",
    "cascade_low_risk": "Cascade, low risk",
}
TABLES = {
    "effects": "Effects",
    "sensitivity": "Sensitivity analyses",
    "further": "Further analyses",
    "subgroups": "Subgroups",
    "baseline": "Baseline characteristics",
    "uptake": "Predictors of uptake",
    "fracture_risk": "Risk of fracture before and after DXA",
}


def _by_arm() -> dict[str, Download]:
    may = P.SEE_REPORT_BY_ARM
    found = {
        "report.pdf": Download("The report to print", "application/pdf", may, _whole(to_pdf)),
        "report.docx": Download(
            "The report for Word", f"{OFFICE}.wordprocessingml.document", may, _whole(to_docx)
        ),
        "report.xlsx": Download(
            "The tables for Excel", f"{OFFICE}.spreadsheetml.sheet", may, _whole(to_xlsx)
        ),
    }
    for key, label in TABLES.items():
        found[f"{key.replace('_', '-')}.csv"] = Download(label, CSV, may, _table(key))
    for key, label in PICTURES.items():
        name = key.replace("_", "-")
        found[f"{name}.svg"] = Download(label, SVG, may, _drawn(key))
        found[f"{name}.png"] = Download(label, PNG, may, _png(key))
    found["fracture-risk.svg"] = Download("Risk of fracture before and after DXA", SVG, may, _frax)
    found["further.svg"] = Download("Times to events", SVG, may, _drawn("further"))
    return found


DOWNLOADS: dict[str, Download] = {
    **_by_arm(),
    "blinded-report.pdf": Download(
        *("The report by letter, to print", "application/pdf", P.SEE_REPORT_POOLED, _blinded(to_pdf)),
        note="The arms are named A and B, once the trial is locked.",
    ),
    "blinded-report.xlsx": Download(
        *("The report by letter, for Excel", f"{OFFICE}.spreadsheetml.sheet"),
        *(P.SEE_REPORT_POOLED, _blinded(to_xlsx)),
    ),
    "codebook.csv": Download("Codebook", CSV, P.DOWNLOAD_DATASET, _as_it_is(_codebook)),
    "dataset-dummy.csv": Download(
        "Dataset with a dummy allocation",
        CSV,
        P.DOWNLOAD_DATASET,
        _as_it_is(_dummy),
        note="To write and test programs on. Its A and B are dealt at random and say nothing about the true "
        "arms: a difference between them is chance. No row has the baseline and the outcomes of one person. The "
        "codebook says what was left out.",
    ),
}
ZIP = "application/zip"
_IN_BUNDLE = (
    "ADaM's ADSL as CSV, Parquet and SAS transport, with a codebook, R and Python scripts and checksums."
)
# Whole datasets with their arms need both permissions, so they stand by themselves.
DATASETS: dict[str, Download] = {
    "dataset.csv": Download("Dataset", CSV, P.DOWNLOAD_DATASET, _as_it_is(freezes.subjects_csv)),
    "bundle.zip": Download(
        "Bundle, dates as dates", ZIP, P.DOWNLOAD_DATASET, _bundle("dates"), note=_IN_BUNDLE
    ),
    "bundle-study-days.zip": Download(
        *("Bundle, dates as days of study", ZIP, P.DOWNLOAD_DATASET, _bundle("study_days")),
        note="The same; day 1 is that of randomization.",
    ),
}
