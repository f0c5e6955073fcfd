"""Take films from devices over DICOM's own protocol (C-STORE), and answer their C-ECHO."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from screening import listener
from trial.management.base import TrialCommand

PORT = 11112  # registered for DICOM; 104 needs root


class Command(TrialCommand):
    """Listen until stopped."""

    help = f"{__doc__} Which devices may send is said on the page “Devices”."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name where to listen."""
        parser.add_argument("--port", type=int, default=PORT, help=f"the port ({PORT} by default)")
        parser.add_argument(
            "--address",
            default="127.0.0.1",
            help="the address of this machine to listen at; this machine alone by default, 0.0.0.0 for all",
        )

    def handle(self, *, address: str, port: int, **options: Any) -> None:
        """Listen until SIGTERM or Ctrl+C, then end every association."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        title = settings.DICOM_AE_TITLE
        try:
            entity = listener.start(title, address, port)
        except (OSError, OverflowError) as error:
            said = f"Can't listen at {address}, port {port} ({error}). Is another listener running?"
            raise CommandError(f"{said} Choose another with --port and --address.") from None
        self.stdout.write(f"Listening as {title} at {address}, port {port}, until you press Ctrl+C.")
        self.stdout.flush()
        stop.wait()
        entity.shutdown()
        self.stdout.write("Stopped. What was not acknowledged is still with its sender.")
