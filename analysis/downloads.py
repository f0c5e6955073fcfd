"""The files of a report, by name: what each holds, of what type, and who may have it."""

import csv
import io
from collections.abc import Callable
from typing import Any, NamedTuple

from analysis.adsl import Dates
from analysis.bundle import About, bundle
from analysis.consort_svg import to_svg
from analysis.figures import cascade, forest_of_effects, forest_of_subgroups
from analysis.masking import dummy_csv, in_dummy
from analysis.models import Freeze
from analysis.services import freezes, reports
from analysis.tables import to_csv
from trial.crypto import derived_key
from trial.models import TrialKind
from trial.roles import Permission

P = Permission


class Download(NamedTuple):
    """One file: how to make it, and the permission it needs."""

    label: str
    content_type: str
    permission: Permission
    make: Callable[[Freeze], str | bytes]
    note: str = ""


def _table(name: str) -> Callable[[Freeze], str]:
    return lambda freeze: to_csv(reports.report(freeze).tables[name])


def _cascade(name: str) -> Callable[[Freeze], bytes]:
    def draw(freeze: Freeze) -> bytes:
        bars = reports.report(freeze).cascades[name]
        return cascade(bars, title=bars[0].label)

    return draw


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


def _bundle(dates: Dates) -> Callable[[Freeze], bytes]:
    return lambda freeze: bundle(reports.report(freeze).rows, _about(freeze), dates)


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
        TrialKind.RECORDED: "A recorded trial, loaded from outside: see its description for where rows come from.",
    }.get(TrialKind(freeze.trial.kind), "")


CSV, SVG = "text/csv; charset=utf-8", "image/svg+xml"
DOWNLOADS: dict[str, Download] = {
    "flow.svg": Download("CONSORT flow", SVG, P.SEE_REPORT_BY_ARM, lambda f: to_svg(reports.report(f).flow)),
    "effects.csv": Download("Effects", CSV, P.SEE_REPORT_BY_ARM, _table("effects")),
    "effects.svg": Download(
        "Forest plot of effects",
        SVG,
        P.SEE_REPORT_BY_ARM,
        lambda f: forest_of_effects(reports.report(f).effects),
    ),
    "subgroups.csv": Download("Subgroups", CSV, P.SEE_REPORT_BY_ARM, _table("subgroups")),
    "subgroups.svg": Download(
        "Forest plot of subgroups",
        SVG,
        P.SEE_REPORT_BY_ARM,
        lambda f: forest_of_subgroups(reports.report(f).subgroups),
    ),
    "baseline.csv": Download("Baseline characteristics", CSV, P.SEE_REPORT_BY_ARM, _table("baseline")),
    "uptake.csv": Download("Predictors of uptake", CSV, P.SEE_REPORT_BY_ARM, _table("uptake")),
    "cascade-screening.svg": Download(
        "Cascade, screening arm", SVG, P.SEE_REPORT_BY_ARM, _cascade("screening")
    ),
    "cascade-control.svg": Download("Cascade, control arm", SVG, P.SEE_REPORT_BY_ARM, _cascade("control")),
    "cascade-low-risk.svg": Download("Cascade, low risk", SVG, P.SEE_REPORT_BY_ARM, _cascade("low_risk")),
    "codebook.csv": Download("Codebook", CSV, P.DOWNLOAD_DATASET, _codebook),
    "dataset-dummy.csv": Download(
        "Dataset with a dummy allocation",
        CSV,
        P.DOWNLOAD_DATASET,
        _dummy,
        note="To write and test programs on. Its A and B are dealt at random and say nothing about the true "
        "arms: a difference between them is chance. The codebook says what was left out.",
    ),
}
ZIP = "application/zip"
_IN_BUNDLE = (
    "ADaM's ADSL as CSV, Parquet and SAS transport, with a codebook, R and Python scripts and checksums."
)
# Whole datasets with their arms need both permissions, so they stand by themselves.
DATASETS: dict[str, Download] = {
    "dataset.csv": Download("Dataset", CSV, P.DOWNLOAD_DATASET, freezes.subjects_csv),
    "bundle.zip": Download(
        "Bundle, dates as dates", ZIP, P.DOWNLOAD_DATASET, _bundle("dates"), note=_IN_BUNDLE
    ),
    "bundle-study-days.zip": Download(
        *("Bundle, dates as days of study", ZIP, P.DOWNLOAD_DATASET, _bundle("study_days")),
        note="The same; day 1 is that of randomization.",
    ),
}
