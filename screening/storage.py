"""File storage that answers only after the bytes are on the disk."""

import os
from typing import Any

from django.core.files.storage import FileSystemStorage


class DurableStorage(FileSystemStorage):
    """Django's file system storage, synced: a film is acknowledged only when a power cut can't lose it."""

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)
        for path, flags in (
            (self.path(saved), os.O_RDONLY),
            (os.path.dirname(self.path(saved)), os.O_DIRECTORY),
        ):
            handle = os.open(path, flags)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        return saved
