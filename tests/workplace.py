"""A worker and a broker of a test's own, both of them real, for the database of the tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import kombu.pools
from django.conf import settings as django_settings
from django.db import connection

from config.celery import app
from config.embedded import lease
from config.embedded.valkey import Valkey
from screening import tasks
from trial.processes import spawn_child

ROOT = Path(__file__).resolve().parent.parent


class Workplace:
    """A folder with a broker and a worker of its own, both of them for the database of the tests."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.broker = Valkey(var)
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self, processes: int = 1) -> None:
        """Start a worker that sweeps too, in a session of its own, so that it can be killed with its children."""
        sweeping = ["--beat", "--schedule", str(self.var / "beat")]
        command = [sys.executable, "-m", "celery", "-A", "tests.faulty_worker", "worker", *sweeping]
        with self.log.open("ab") as log:
            self.worker = spawn_child(
                [*command, "--concurrency", str(processes), "--loglevel", "warning"],
                env=os.environ | self.environment(),
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def environment(self) -> dict[str, str]:
        """Return what makes a process work on the tests' database and films."""
        return {
            "SCREENTRIAL_VAR": str(self.var),
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": "",
            "DJANGO_SECRET_KEY": django_settings.SECRET_KEY,
            "SCREENTRIAL_IDENTITY_KEY": django_settings.IDENTITY_KEY,
            "POISON": str(self.poison),
        }

    @property
    def log(self) -> Path:
        return self.var / "worker.log"

    @property
    def poison(self) -> Path:
        """The file that names the film which kills its worker."""
        return self.var / "poison"

    def kill(self) -> None:
        """Kill the worker and its children, as a power cut would."""
        if self.worker:
            os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()
        self.worker = None

    def wait_until(self, happens: Callable[[], bool], seconds: float = 240) -> None:
        """Wait for something; a worker that ends by itself is started again, as a service manager would."""
        deadline = time.monotonic() + seconds
        while not happens():
            if self.worker and self.worker.poll() is not None:
                self.start()
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-4000:]
            time.sleep(0.02)

    def broker_process(self) -> int:
        """Return the process id of the broker."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.broker.socket))
            return int.from_bytes(
                client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], sys.byteorder
            )

    def empty_broker(self) -> None:
        """Kill the broker and throw away everything it had written down; its keeper starts it again."""
        killed = self.broker_process()
        shutil.rmtree(self.var / "valkey" / "appendonlydir")
        os.kill(killed, signal.SIGKILL)
        self.wait_until(lambda: self.broker.answers() and self.broker_process() != killed)


@contextmanager
def workplace(beside: Path = Path("/tmp")) -> Iterator[Workplace]:
    """Make a workplace in a folder of its own, and leave nothing of it."""
    place = Workplace(Path(tempfile.mkdtemp(prefix="workplace-", dir=beside)))
    try:
        yield place
    finally:
        place.kill()
        locks = place.var / "locks"
        if lease.holds_any(locks):
            lease.release(locks / "valkey.lease")
        if locks.exists():
            lease.take(locks / "keeper", 2)  # LOCK_EX: waits until the broker is down
        shutil.rmtree(place.var)


def database_url() -> str:
    """Return the address of the tests' database for another process, whatever server it is on."""
    connection.ensure_connection()
    known = connection.settings_dict
    login = quote(known["USER"]) + (f":{quote(known['PASSWORD'])}" if known["PASSWORD"] else "")
    where = urlencode({"host": known["HOST"], "port": known["PORT"] or 5432})
    return f"postgres://{login}@/{known['NAME']}?{where}"


def forget_broker() -> None:
    """Drop connections that an earlier test left, and what this process learned of its broker."""
    app.amqp._producer_pool = app._pool = None
    kombu.pools.reset()
    tasks._asked_again_at = 0.0
