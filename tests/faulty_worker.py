"""A Celery worker that one film kills, as a fault in a codec's machine code would: `-A tests.faulty_worker`.

The film is named by the SHA-256 of its stored bytes, written in the file that POISON names. LOST_AFTER, if it is
set, says after how many seconds a film is taken for lost.
"""

import hashlib
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init

from config.celery import app

__all__ = ["app"]


@worker_process_init.connect
def swallow_poison(**_: Any) -> None:
    """Let this process die of the film, in the middle of its work."""
    from screening.services import scoring

    read, poison = scoring.read_pixels, Path(os.environ["POISON"])

    def read_or_die(data: bytes) -> Any:
        if poison.exists() and hashlib.sha256(data).hexdigest() == poison.read_text():
            os.kill(os.getpid(), signal.SIGKILL)
        return read(data)

    scoring.read_pixels = read_or_die


@worker_process_init.connect
def lose_patience(**_: Any) -> None:
    """Take films for lost sooner than after the minute of real workers."""
    from screening.services import scoring

    if seconds := os.environ.get("LOST_AFTER"):
        scoring.LOST_AFTER = timedelta(seconds=float(seconds))
