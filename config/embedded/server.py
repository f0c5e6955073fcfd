"""What the keeper and its clients know of a server."""

from abc import ABC, abstractmethod
from pathlib import Path
from signal import Signals
from typing import Any, ClassVar

from config.embedded.home import socket_folder


class Server(ABC):
    """One of the servers of a `var` folder."""

    name: ClassVar[str]
    stop_signal: ClassVar[Signals]
    kill_signal: ClassVar[Signals]

    def __init__(self, var: Path) -> None:
        self.var = var.resolve()
        self.lease = self.var / "locks" / f"{self.name}.lease"
        self.running = self.var / "locks" / f"{self.name}.running"

    @property
    def sockets(self) -> Path:
        return socket_folder(self.var)

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether a client can work with the server now."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @abstractmethod
    def remains(self) -> list[Path]:
        """Return the files a killed server leaves behind that would keep a new one from starting."""

    def create(self, **process: Any) -> None:  # noqa: B027  most servers need nothing
        """Make what the first start needs; `process` goes to subprocess."""

    def settle(self) -> bool:
        """Do what a started server still needs, and tell whether it answers."""
        return self.answers()
