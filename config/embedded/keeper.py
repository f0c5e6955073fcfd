"""The keeper: one process per `var` folder that starts its servers, restarts a dead one, and stops them
when nobody holds their lease any more. Run by `config.embedded.attach.start_keeper` only.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from config.embedded.home import run_as
from config.embedded.lease import try_take
from config.embedded.postgres import Postgres
from config.embedded.server import Server
from config.embedded.valkey import Valkey
from trial.processes import spawn_child

GRACE = 2.0  # seconds a server outlives its last user: commands often follow each other
TICK = 0.2  # seconds
STARTING_TICK = 0.05
STOP_TIMEOUT = 30.0  # seconds for a clean stop
ATTEMPTS = 3  # failed starts in a row before the keeper gives up
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}  # no PGPORT, PGOPTIONS or secrets of the caller


class Charge:
    """A server in the keeper's care."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.process: subprocess.Popen[bytes] | None = None
        self.settled = False
        self.failures = 0
        self.not_before = 0.0
        self.free_since: float | None = None

    def tend(self) -> int | None:
        """Bring the server one step nearer to what its users want.

        Return the lease, locked against new users, while the server is down for want of users.
        """
        lease = try_take(self.server.lease)
        if lease is None:
            self.free_since = None
            self.keep_running()
            return None
        self.free_since = self.free_since or time.monotonic()
        if time.monotonic() - self.free_since < GRACE:
            os.close(lease)
            return None
        self.stop()
        return lease

    def keep_running(self) -> None:
        """Start the server if it isn't there, and see a new one through its start."""
        if self.process is not None and self.process.poll() is not None:
            self.bury(self.process.returncode)
        if self.process is None and time.monotonic() >= self.not_before:
            self.start()
        elif self.process is not None and not self.settled and self.server.settle():
            self.settled, self.failures = True, 0

    def bury(self, status: int) -> None:
        """Note that the server died; give up when it never comes to answer."""
        say(f"{self.server.name} ended with status {status}")
        self.process = None
        self.failures += not self.settled
        if self.failures >= ATTEMPTS:
            sys.exit(f"keeper: {self.server.name} failed to start {ATTEMPTS} times")
        self.not_before = time.monotonic() + 0.5 * self.failures

    def start(self) -> None:
        """Start the server once no process of a former one is left.

        The server and all its children inherit the lock `running`, so whoever gets it knows they are gone.
        What they left behind can then be removed whatever process ids it names.
        """
        running = try_take(self.server.running)
        if running is None:
            return
        process = {"pass_fds": (running,), "env": ENVIRONMENT, "cwd": "/", **run_as(self.server.var)}
        try:
            for remains in self.server.remains():
                remains.unlink(missing_ok=True)
            self.server.create(**process)
            self.process = spawn_child(
                self.server.command(),
                death_signal=self.server.stop_signal,
                stdin=subprocess.DEVNULL,
                **process,
            )
            self.settled = False
        finally:
            os.close(running)

    def stop(self) -> None:
        """Stop the server cleanly, or roughly when that takes too long."""
        if self.process is None:
            return
        self.process.send_signal(self.server.stop_signal)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(self.server.kill_signal)
            self.process.wait()
        say(f"{self.server.name} stopped")
        self.process = None


def say(message: str) -> None:
    """Write a line to the log."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} keeper: {message}", flush=True)


def keep(var: Path) -> None:
    """Tend the servers of `var` until none has a user."""
    charges = [Charge(Valkey(var)), Charge(Postgres(var))]
    try:
        while True:
            leases = [charge.tend() for charge in charges]
            if all(lease is not None for lease in leases):
                return  # the leases stay locked until this process has ended
            for lease in leases:
                if lease is not None:
                    os.close(lease)
            starting = any(charge.process and not charge.settled for charge in charges)
            time.sleep(STARTING_TICK if starting else TICK)
    finally:
        for charge in charges:
            charge.stop()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.umask(0o077)
    keep(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
