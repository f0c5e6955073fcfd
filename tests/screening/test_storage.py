"""A film is acknowledged only when a power cut can't lose it: file and folders, then the row, then the answer."""

import os
import threading
from pathlib import Path

import pytest
from django.db import connection

from screening.models import Radiograph
from screening.services.intake import receive
from tests import dicom


def seen_by_others() -> int:
    """Count the films that another connection sees, which is those committed."""
    found: list[int] = []

    def look() -> None:
        found.append(Radiograph.objects.count())
        connection.close()

    other = threading.Thread(target=look)
    other.start()
    other.join()
    return found[0]


@pytest.mark.django_db(transaction=True)
def test_file_then_folders_are_synced_then_the_row_is_committed_then_the_sender_is_answered(
    world, settings, monkeypatch
):
    sync, media = os.fsync, Path(settings.MEDIA_ROOT)
    synced: list[tuple[Path, int, int]] = []

    def watched(handle: int) -> None:
        sync(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_relative_to(media):
            synced.append((path, path.stat().st_size, seen_by_others()))

    monkeypatch.setattr(os, "fsync", watched)
    receive(dicom.chest_film(), site=world.site, source="test", by=world.radiology_it)

    stored = Path(Radiograph.objects.get().file.path)
    folders = [folder for folder in stored.parents if folder.is_relative_to(media)]
    assert [path for path, *_ in synced] == [stored, *folders]
    assert synced[0][1] == stored.stat().st_size > 0  # nothing was written after the sync
    assert {committed for *_, committed in synced} == {0} and seen_by_others() == 1
