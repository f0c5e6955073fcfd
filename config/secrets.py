"""Secrets come from the environment; on a machine that has none, they are made once under var/, mode 0600."""

import os
import secrets
from pathlib import Path


def secret(name: str, folder: Path) -> str:
    """Return the secret `name` from the environment, or from folder/NAME, made at first use."""
    value = os.environ.get(name)
    if value:
        return value
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_complete(path)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text()


def _read_complete(path: Path) -> str:
    """Read a secret that another process may be writing at this moment."""
    import time

    for _ in range(100):
        if value := path.read_text():
            return value
        time.sleep(0.02)
    raise RuntimeError(f"{path} is empty: delete it and start again, or set {path.name} in the environment.")
