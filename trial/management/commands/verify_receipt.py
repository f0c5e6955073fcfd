"""Draw everybody of a randomization receipt again, with the key alone: no trial and no database is asked."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trial.crypto import fingerprint
from trial.receipts import ReceiptRefused, replay


class Command(BaseCommand):
    """Exit with 1 when a draw or the receipt differs from what the key gives."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the receipt and the key."""
        parser.add_argument("receipt", type=Path, metavar="RECEIPT.json")
        parser.add_argument("--key-file", type=Path, required=True, help="the trial's key file")

    def handle(self, **options: Any) -> None:
        """Draw again, and say what was seen."""
        try:
            receipt = json.loads(options["receipt"].read_bytes())
            key = bytes.fromhex(options["key_file"].read_text().strip())
            found = list(replay(receipt, key=key))
        except OSError as no:
            raise CommandError(f"{no.filename}: {no.strerror}.") from None
        except ReceiptRefused as no:
            raise CommandError(str(no)) from None
        except ValueError:
            raise CommandError(
                "The receipt is not JSON, or the key file holds no hexadecimal digits."
            ) from None
        if fingerprint(key) != receipt.get("key_fingerprint"):
            found.insert(0, "this is another key than the one the receipt names")
        if found:
            raise CommandError(f"{len(found)} differences. First: {found[0]}.", returncode=1)
        drawn = sum(len(part["draws"]) for part in receipt["lists"])
        self.stdout.write(f"All {drawn} draws are what the key gives, and the receipt is as it was made.")
