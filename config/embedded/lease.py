"""File locks, which the kernel lets go of when their holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

_held: dict[Path, int] = {}


def take(path: Path, kind: int) -> int:
    """Lock `path` (LOCK_SH or LOCK_EX), waiting if need be; closing the returned descriptor unlocks it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def try_take(path: Path) -> int | None:
    """Lock `path` for this process alone, or return None if anybody else has it."""
    try:
        return take(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def wait_for_end(path: Path) -> None:
    """Wait until nobody has `path` for itself."""
    descriptor = take(path, fcntl.LOCK_SH)
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # a process forked meanwhile has the descriptor too
    os.close(descriptor)


def hold(path: Path) -> None:
    """Share `path` with other holders until this process ends.

    A forked child shares its parent's hold; a command started anew takes its own.
    """
    if path not in _held:
        # Two threads may both get here; the second descriptor does no harm.
        _held[path] = take(path, fcntl.LOCK_SH)


def release(path: Path) -> None:
    """Stop sharing `path` before this process ends."""
    os.close(_held.pop(path))


def holds_any(folder: Path) -> bool:
    """Tell whether this process shares any file of `folder`."""
    return any(path.parent == folder for path in _held)
