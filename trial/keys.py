"""Sealed trial keys: one file a trial, outside the database; absent or wrong means nothing is drawn."""

import hmac
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db import connection

from trial.crypto import fingerprint
from trial.models import KeyEpoch, Trial
from trial.statements import run

EPOCH = "COALESCE((SELECT max(number) FROM trial_keyepoch WHERE trial_id = %s), 1)"  # of the key in use


class KeyUnusable(Exception):
    """The trial's key is absent or not the one its allocations were drawn with."""


def key_path(code: str, epoch: int = 1) -> Path:
    """Return where the key of trial `code` lies, the first or a further one."""
    return Path(settings.TRIAL_KEY_DIR) / (f"{code}.key" if epoch == 1 else f"{code}-{epoch}.key")


def ensure_key(code: str, epoch: int = 1) -> str:
    """Make the trial's key if there is none yet and return the key's fingerprint."""
    path = key_path(code, epoch)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return fingerprint(_read(code, epoch))
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    return fingerprint(_read(code, epoch))


def current_epoch(trial: Trial) -> int:
    """Return the number of the key in use: 1 for the trial's own, more after it was changed."""
    return run(f"SELECT {EPOCH}", trial.pk)[0][0]


def trial_key(trial: Trial, epoch: int | None = None) -> bytes:
    """Return the trial's key in use, or that of an earlier epoch; raise KeyUnusable (whose words name no arm)."""
    epoch = epoch or current_epoch(trial)
    key = _read(trial.code, epoch)
    if not hmac.compare_digest(fingerprint(key), recorded_fingerprint(trial, epoch)):
        raise KeyUnusable(
            f"The key of trial {trial.code} is not the one its allocations were drawn with. Nothing was drawn. "
            "Ask the system administrator to put the right key file back."
        )
    return key


def recorded_fingerprint(trial: Trial, epoch: int) -> str:
    """Return the fingerprint on record of a key of the trial."""
    return trial.key_fingerprint if epoch == 1 else trial.key_epochs.get(number=epoch).key_fingerprint


def _read(code: str, epoch: int) -> bytes:
    try:
        key = bytes.fromhex(key_path(code, epoch).read_text().strip())
    except (OSError, ValueError):
        key = b""
    if len(key) < 32:
        raise KeyUnusable(
            f"The key of trial {code} is missing or unreadable. Nothing was drawn. "
            "Ask the system administrator to put the key file back."
        )
    return key


def is_of_a_trial(key: bytes) -> bool:
    """Tell whether a key, or the key written in it as hexadecimal digits, is a trial's: on record or on this disk."""
    tried = {fingerprint(k) for k in (key, _unhex(key)) if k}
    folder = Path(settings.TRIAL_KEY_DIR)
    on_disk = {fingerprint(_unhex(path.read_bytes()) or b"-") for path in folder.glob("*.key")}
    if tried & on_disk:
        return True
    # A rehearsal needs no trial, and so no database that knows any.
    recorded = KeyEpoch._meta.db_table in connection.introspection.table_names()
    return recorded and any(
        model.objects.filter(key_fingerprint__in=tried).exists() for model in (Trial, KeyEpoch)
    )


def _unhex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode().strip())
    except ValueError:
        return b""
