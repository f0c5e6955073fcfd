"""Real servers on the tests' database and films, and the real tools that send to them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from tests.workplace import ROOT, database_url
from trial.processes import spawn_child

needs_dcmtk = pytest.mark.skipif(
    shutil.which("storescu") is None, reason="dcmtk is not installed (.ci/run does)"
)
TITLE = "TESTTRIAL"
NO_BROKER = "redis://127.0.0.1:1/0"  # films wait for the sweep


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def answers(port: int) -> bool:
    """Say whether somebody listens at a port of this machine."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def environment(var: Path) -> dict[str, str]:
    """Return what makes a process work on the tests' database, films and keys."""
    return {
        "SCREENTRIAL_VAR": str(var),
        "SCREENTRIAL_TRIAL_KEYS": str(settings.TRIAL_KEY_DIR),
        "SCREENTRIAL_ALLOCATION_LOGS": str(settings.ALLOCATION_LOG_DIR),
        "SCREENTRIAL_AE_TITLE": TITLE,
        "DATABASE_URL": database_url(),
        "CELERY_BROKER_URL": NO_BROKER,
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "SCREENTRIAL_IDENTITY_KEY": settings.IDENTITY_KEY,
    }


@contextmanager
def running(
    var: Path, *command: str, until: Callable[[], bool], **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the project until the block ends; the folder is the one that the tests read films from."""
    log = var / "server.log"
    with log.open("ab") as out:
        process = spawn_child(
            [sys.executable, *command],
            env=os.environ | environment(var) | env,
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    deadline = time.monotonic() + 30
    while not until():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


@contextmanager
def listener(var: Path, **env: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the DICOM listener; give its port and process."""
    port = free_port()
    command = ["manage.py", "dicom_listener", "--port", str(port)]
    with running(var, *command, until=lambda: answers(port), **env) as process:
        yield port, process


@contextmanager
def web(var: Path, *options: str, **env: str) -> Iterator[str]:
    """Run the web server of the demonstration; give its address."""
    port = free_port()
    command = ["-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    with running(var, *command, *options, "--log-level", "warning", until=lambda: answers(port), **env):
        yield f"http://127.0.0.1:{port}"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a tool of dcmtk and return what it said."""
    said = subprocess.PIPE
    return subprocess.run(
        list(map(str, command)), stdout=said, stderr=subprocess.STDOUT, text=True, timeout=60
    )


def storescu(
    port: int, *files: object, options: tuple[str, ...] = ("-xe",), title: str = "ROOM1", called: str = TITLE
):
    """Send files as a device does."""
    return run("storescu", "-v", *options, "-aet", title, "-aec", called, "127.0.0.1", port, *files)
