"""The README's first command, as it is run: twice, on a machine where nothing runs, and stopped in between."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from config.embedded import lease
from tests.analysis import published

ROOT = Path(__file__).resolve().parent.parent
SERVERS = ("DATABASE_URL", "CELERY_BROKER_URL")


@pytest.fixture
def demo() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start the demonstration, again and again, with servers and a folder of its own; all are gone at the end."""
    environment = {name: value for name, value in os.environ.items() if name not in SERVERS}
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "manage.py", "demo", "--people", "40", *arguments]
        env, pipe = environment | {"SCREENTRIAL_VAR": folder}, subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        return process

    with tempfile.TemporaryDirectory(prefix="demo-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield start
        for process in started:
            process.kill()
            process.communicate()
        os.close(lease.take(Path(folder) / "locks" / "keeper", 2))  # LOCK_EX: waits until the keeper has left


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def number_of(label: str, said: str) -> int:
    """Return the first number that stands behind a label."""
    return int(re.search(rf"{re.escape(label)}:? +(\d+)", said).group(1))


@pytest.mark.slow
def test_the_demonstration_runs_prints_its_numbers_and_serves_and_may_be_run_again(demo):
    first = demo("--no-serve")
    said, _ = first.communicate(timeout=600)

    assert first.returncode == 0
    assert number_of("Films scored", said) + number_of("Films not scored", said) == number_of(
        "received", said
    )
    randomized = number_of("Randomized", said)
    assert number_of("Screening arm", said) + number_of("Control arm", said) == randomized > 0
    assert "272/2456 (11.1%)" in said and "0 differ" in said
    for row in main_rows():
        (line,) = [line for line in said.splitlines() if line.strip().startswith(row["label"])]
        assert line.count(row["or_ci"]["printed"]) == 2 and line.endswith("reproduced, match")
    assert said.count("odds ratio") >= 6 and "interaction: Wald p = " in said

    port = free_port()
    second = demo("--port", str(port))
    said = ""
    for line in second.stdout:
        said += line
        if line.startswith("    everybody"):
            break
    assert "The accounts are there since an earlier run" in said
    assert number_of("Randomized", said) == randomized and "0 differ" in said
    assert "Sign in" in page(f"http://127.0.0.1:{port}/")
    second.send_signal(signal.SIGINT)
    assert second.wait(60) == 0


def main_rows() -> list[dict]:
    """Return the paper's main rows: all examinations, the primary endpoint, all drugs."""
    return [row for row in published.load()["fig3"]["rows"] if row["indent"] == 1]


def page(url: str, seconds: float = 60) -> str:
    """Return a page, once its server is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urlopen(url).read().decode()
        except OSError:
            assert time.monotonic() < deadline, f"nobody serves {url}"
            time.sleep(0.2)
