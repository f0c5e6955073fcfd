"""File storage that answers only after the bytes are on the disk."""

import os
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage


class DurableStorage(FileSystemStorage):
    """Django's file system storage, synced: a film is acknowledged only when a power cut can't lose it."""

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)  # type: ignore[misc]  # not in the stubs
        path = Path(self.path(saved))
        _sync(path, os.O_RDONLY)
        # A new folder is lost with its parent's entry, so the parents are synced too, up to the store itself.
        for folder in path.parents:
            _sync(folder, os.O_DIRECTORY)
            if folder == Path(self.location):
                break
        return saved


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
