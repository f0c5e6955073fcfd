"""The documents name only what is there, and the data dictionary is that of the models."""

import re
from pathlib import Path

import pytest

from tests import data_dictionary

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOP = ("config", "trial", "screening", "analysis", "templates", "tests", "docs")
# `trial/audit.py` or `tests/trial/test_states.py::test_every_trial_pair`, in backticks.
NAMED = re.compile(rf"`((?:{'|'.join(TOP)})/[\w./-]+?)(?:::(\w+))?`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_tests_named_in_a_document_exist(page: Path):
    for name, test in NAMED.findall(page.read_text(encoding="utf-8")):
        file = ROOT / name
        assert file.exists(), f"{page.name} names {name}, which is not there"
        if test:
            assert re.search(rf"^\s*(?:def|class) {test}\b", file.read_text(), re.M), f"{name} has no {test}"


def test_every_requirement_in_the_table_names_a_test_or_says_what_is_missing():
    lines = (ROOT / "docs" / "traceability.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    requirements = [row for row in rows if not row.startswith(("| requirement", "|--"))]
    assert len(requirements) > 40
    bare = [row for row in requirements if not NAMED.search(row.split(" | ")[-1]) and "not yet" not in row]
    assert not bare


def test_the_data_dictionary_is_current():
    written = data_dictionary.PAGE.read_text(encoding="utf-8")
    assert written == data_dictionary.text(), "The models have changed: run `make dictionary` and commit it."
