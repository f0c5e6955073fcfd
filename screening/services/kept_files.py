"""Files that wait between a preview and its commit: sealed like identities, kept for a day at most."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from trial.crypto import Unreadable, derived_key, open_with, seal_for

FOLDER = "imports"
KEPT_FOR = timedelta(days=1)


class KeptFile(NamedTuple):
    """A file as it was uploaded: of which kind, for which trial and site and by whom (their keys)."""

    trial: str
    site: str
    kind: str
    by: str
    data: bytes


def keep(file: KeptFile) -> UUID:
    """Seal a file with the installation's key and return by what it is found again; its own name is not kept."""
    key = uuid4()
    text = json.dumps(file._asdict() | {"data": b64encode(file.data).decode()})
    default_storage.save(_place(key), ContentFile(seal_for(derived_key("imports"), text, _place(key))))
    return key


def find(key: UUID) -> KeptFile | None:
    """Return a kept file, None when it is gone; one that was altered on the disk is none."""
    try:
        with default_storage.open(_place(key)) as file:
            said = json.loads(open_with(derived_key("imports"), file.read(), _place(key)))
    except (FileNotFoundError, Unreadable):
        return None
    return KeptFile(**said | {"data": b64decode(said["data"])})


def discard(key: UUID) -> None:
    """Remove a file that is done with."""
    default_storage.delete(_place(key))


def discard_old() -> int:
    """Remove every file that has waited for a day; return how many."""
    if not default_storage.exists(FOLDER):
        return 0
    places = [f"{FOLDER}/{name}" for name in default_storage.listdir(FOLDER)[1]]
    old = [p for p in places if default_storage.get_modified_time(p) < timezone.now() - KEPT_FOR]
    for place in old:
        default_storage.delete(place)
    return len(old)


def _place(key: UUID) -> str:
    return f"{FOLDER}/{key}"
