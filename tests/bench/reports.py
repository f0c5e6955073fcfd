"""The report from the frozen CSV, numbers alone and whole with every file, against R's tables from the same CSV."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from analysis import dataset
from analysis.bundle import About, bundle
from analysis.consort import Intake
from analysis.downloads import PICTURES
from analysis.excel import to_xlsx
from analysis.pdf import to_pdf, to_png
from analysis.plan import TEMPLATE, Plan, read
from analysis.services.documents import FIGURES, drawn, lay_out
from analysis.services.reports import Report, make_report
from analysis.subjects import SubjectRow
from analysis.tables import to_csv
from analysis.word import to_docx
from config.opscan_replay import reconstruction
from tests.analysis import published
from tests.bench.measuring import Bench, Measured, Pair, timed
from tests.config.replay_rows import subject_rows

ROUNDS = 6
AGREED = 1e-6  # relative difference between the two odds ratios
SCRIPT = Path(__file__).with_name("report.R")
MADE = datetime(2024, 1, 1, tzinfo=UTC)
ABOUT = About("BENCH", "To measure it", 1, "bench", MADE, "0" * 64, "", "bench", 1)


class Frozen(NamedTuple):
    """What a report is made from, as a freeze keeps it."""

    text: str
    intake: Intake
    plan: Plan


def frozen(rows: list[SubjectRow]) -> Frozen:
    """Freeze rows, with the template's plan."""
    films = sum(row.films_counted for row in rows)
    return Frozen(dataset.to_csv(rows), Intake(films, films), read(TEMPLATE.read_text()))


def replayed() -> list[SubjectRow]:
    """Return the rows of the replay, 40,658 people."""
    return subject_rows(reconstruction.build(reconstruction.read(published.PATH)))


def numbers(of: Frozen) -> Report:
    """Read the rows and compute everything that a report says."""
    return make_report(dataset.from_csv(of.text), of.intake, of.plan)


def whole(of: Frozen) -> dict[str, bytes | str]:
    """Make every file of a report: tables, figures, PDF, Word, Excel and the bundle; none is remembered from before."""
    for remembered in (drawn, to_pdf, to_png, to_docx):
        remembered.cache_clear()
    found = numbers(of)
    document = lay_out(found, title=ABOUT.title, made=MADE, told=())
    files: dict[str, bytes | str] = {f"{key}.csv": to_csv(table) for key, table in found.tables.items()}
    for key in PICTURES:
        files[f"{key}.svg"] = svg = FIGURES[key](found)
        files[f"{key}.png"] = to_png(svg)
    files |= {"report.pdf": to_pdf(document), "report.docx": to_docx(document)}
    return files | {"report.xlsx": to_xlsx(document), "bundle.zip": bundle(found.rows, ABOUT, "dates")}


def by_r(path: Path, found: Report) -> Measured:
    """Let R make the tables of a CSV; it times itself, without its start. Compare the odds ratios."""
    told = subprocess.run(["Rscript", SCRIPT, path], capture_output=True, text=True, check=True).stdout
    said = dict(line.split() for line in told.splitlines())
    seconds = float(said.pop("seconds"))
    ours = {effect.key: effect.odds_ratio.value for effect in found.effects}
    for group in found.subgroups:
        for effect, level in zip(group.levels, group.subgroup.levels, strict=True):
            ours[f"{group.endpoint.key}:{level.key}"] = effect.odds_ratio.value
    for name, value in said.items():
        _agree(name, ours.pop(name), float(value))
    if ours:
        raise AssertionError(f"R made no odds ratio of {', '.join(ours)}.")
    return Measured(1, seconds)


def _agree(name: str, ours: float | None, by_glm: float) -> None:
    if ours and np.isfinite(ours) and abs(by_glm / ours - 1) > AGREED:
        raise AssertionError(f"{name}: our odds ratio is {ours}, that of R's glm {by_glm}.")


def pairs(work: Callable[[Frozen], object]) -> Iterator[Pair]:
    """Yield the same pair several times: ours, and R's tables from the same CSV."""
    if not shutil.which("Rscript"):
        raise SystemExit("The report is measured beside R: install r-base-core and r-cran-survival first.")
    of = frozen(replayed())
    found = numbers(of)
    with TemporaryDirectory() as folder:
        path = Path(folder, "dataset.csv")
        path.write_text(of.text, encoding="utf-8")
        for _ in range(ROUNDS):
            yield partial(timed, partial(work, of)), partial(by_r, path, found)


PEER = (
    "R's `glm`, `anova`, `fisher.test`, `chisq.test`, `t.test`, `coxph` and `survfit` for the same tables from the "
    "same CSV, by R alone"
)
BENCHES = (
    Bench(
        title="The numbers of the report of the replay, 40,658 people, from the frozen CSV",
        unit="seconds",
        ours="`dataset.from_csv` and `make_report`",
        peer=PEER,
        pairs=partial(pairs, numbers),
        inverse=True,
    ),
    Bench(
        title="The full report of the same: tables, figures, PDF, Word, Excel, bundle",
        unit="seconds",
        ours="the numbers, and every file that a report offers",
        peer=f"{PEER}, numbers alone",
        pairs=partial(pairs, whole),
        inverse=True,
    ),
)
SETTING = nullcontext
