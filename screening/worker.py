"""A Celery worker for the time of one command, where none is running."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_app
from django.conf import settings

from trial.processes import spawn_child

CELERY = (sys.executable, "-m", "celery", "-A", "config.celery")
PATIENCE = 2  # seconds for a worker to answer


def celery_process(*arguments: str, log: str) -> "subprocess.Popen[bytes]":
    """Start a Celery process that dies with this one; it writes to var/logs."""
    logs = settings.VAR / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / log).open("ab") as file:
        return spawn_child(
            [*CELERY, *arguments, "--loglevel", "warning"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=settings.BASE_DIR,
        )


@contextmanager
def worker_at_hand() -> Iterator[None]:
    """Make sure that a worker runs inside the block: one that answers, or one of our own."""
    if current_app.control.ping(timeout=PATIENCE):
        yield
        return
    own = celery_process("worker", "--concurrency", "2", log="worker.log")
    try:
        yield
    finally:
        own.terminate()
        own.wait(30)
