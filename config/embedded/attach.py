"""How a process takes part in the servers of a `var` folder, and starts their keeper if none lives."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from config.embedded.errors import EmbeddedError
from config.embedded.home import open_var, prepare
from config.embedded.lease import hold, holds_any, try_take, wait_for_end
from config.embedded.server import Server

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds until a server must answer, unless its caller has less
POLL = 0.05  # seconds
RETRY = 2.0  # seconds between a keeper's end and the start of the next
LOG_LIMIT = 5 * 2**20  # bytes; a longer log starts anew with the next keeper

logger = logging.getLogger(__name__)
_keepers: list[subprocess.Popen[bytes]] = []
_watchers: dict[Path, threading.Thread] = {}
_on_the_way: set[int] = set()  # locks that are being handed to a keeper


def _let_go_after_fork() -> None:
    while _on_the_way:
        os.close(_on_the_way.pop())


os.register_at_fork(after_in_child=_let_go_after_fork)


def ensure(server: Server, patience: float | None = None) -> None:
    """Keep `server` wanted for the rest of this process, and return once it answers."""
    open_var(server.var)
    hold(server.lease)
    keeper = None
    deadline = time.monotonic() + (patience or PATIENCE)
    while not server.answers():
        gave_up = keeper is not None and (keeper.poll() or 0) > 0
        if gave_up or time.monotonic() > deadline:
            raise EmbeddedError(
                f"The embedded {server.name} does not answer. The end of {log_path(server.var)}:\n"
                f"{log_tail(server.var)}"
            )
        keeper = start_keeper(server.var) or keeper
        time.sleep(POLL)
    watch(server.var)


def start_keeper(var: Path) -> "subprocess.Popen[bytes] | None":
    """Start the keeper of `var` unless one lives.

    Whoever gets the keeper's lock hands it, locked, to the keeper: so there is never a second one.
    """
    lock = try_take(var / "locks" / "keeper")
    if lock is None:
        return None
    _on_the_way.add(lock)
    try:
        prepare(var)
        with open_log(var) as log:
            keeper = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "config.embedded.keeper", str(var)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
            )
    finally:
        _on_the_way.remove(lock)
        os.close(lock)
    _keepers[:] = [former for former in _keepers if former.poll() is None] + [keeper]
    return keeper


def watch(var: Path) -> None:
    """Start a new keeper as soon as the present one is killed, for as long as this process lives."""
    watcher = _watchers.get(var)
    if watcher is None or not watcher.is_alive():  # a fork keeps the entry but not the thread
        _watchers[var] = threading.Thread(target=_watch, args=[var], name=f"keeper of {var}", daemon=True)
        _watchers[var].start()


def _watch(var: Path) -> None:
    while holds_any(var / "locks") and (var / "locks").exists():
        try:
            wait_for_end(var / "locks" / "keeper")
            if holds_any(var / "locks"):
                start_keeper(var)
        except OSError as error:
            logger.error("The keeper of the embedded servers cannot be started: %s", error)
        time.sleep(RETRY)


def log_path(var: Path) -> Path:
    """Return the file the keeper and the servers write to."""
    return var / "servers.log"


def open_log(var: Path) -> BinaryIO:
    """Open the log for appending, emptied if it has grown too long."""
    path = log_path(var)
    fresh = os.O_TRUNC if path.exists() and path.stat().st_size > LOG_LIMIT else 0
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | fresh, 0o600), "ab")


def log_tail(var: Path, lines: int = 10) -> str:
    """Return the last lines of the log."""
    return "\n".join(log_path(var).read_text(errors="replace").splitlines()[-lines:])
