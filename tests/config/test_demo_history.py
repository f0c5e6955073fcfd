"""The made-up people's clinical history: extracts that the importer takes whole, Table 1 included."""

import pytest
from django.utils import timezone

from analysis import dataset
from config.demo.history import import_extract, write_extracts
from config.demo.people import population
from screening.models import Treatment
from trial.forms import CONDITIONS

pytestmark = pytest.mark.django_db


def test_the_extracts_are_taken_whole_in_the_data_manager_s_name_and_again_without_a_change(world, tmp_path):
    extracts = write_extracts(population(60), tmp_path)
    said: list[str] = []
    for _ in range(2):
        for kind, path in extracts:
            import_extract(said.append, path, trial=world.trial, kind=kind, by=world.data_manager)

    assert all("0 refused (written)" in line for line in said)
    assert all("0 new, 0 changed" in line for line in said[len(extracts) :])
    assert {t.recorded_by for t in Treatment.objects.all()} == {world.data_manager}


def test_the_baseline_of_most_people_is_known_and_varies(world, tmp_path):
    for kind, path in write_extracts(population(200), tmp_path)[:2]:
        import_extract(print, path, trial=world.trial, kind=kind, by=world.data_manager)

    rows = dataset.build(world.trial, timezone.now()).rows
    for name in ("bmi", *CONDITIONS):
        told = [value for row in rows if (value := getattr(row, name)) is not None]
        assert 150 < len(told) < 200 and len(set(told)) > 1, name
