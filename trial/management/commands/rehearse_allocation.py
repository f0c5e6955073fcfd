"""Draw allocations outside any trial, with a key that is no trial's: to teach, simulate and check."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trial.keys import is_of_a_trial
from trial.rehearsal import ParametersRefused, rehearse


class Command(BaseCommand):
    """Read a method and its parameters from a JSON file and print what it draws from the key."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the parameters, the key and the form of the answer."""
        parser.add_argument("parameters", type=Path, metavar="PARAMS.json")
        parser.add_argument(
            "--key-file", type=Path, required=True, help="a made-up key; a trial's is refused"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        """Draw, and say what each draw went by."""
        written = _read(options["key_file"])
        key = written.strip()
        if not key:
            raise CommandError(f"{options['key_file']} is empty. Write any words into it as the key.")
        if is_of_a_trial(written) or is_of_a_trial(key):  # a key of bytes may end in what looks like a blank
            raise CommandError(
                "This is the key of a trial: what it draws is sealed. Nothing was drawn. Make up another key."
            )
        try:
            answer = rehearse(json.loads(_read(options["parameters"])), key=key)
        except (json.JSONDecodeError, UnicodeDecodeError) as no:
            raise CommandError(f"{options['parameters']} is not JSON: {no}.") from None
        except ParametersRefused as no:
            raise CommandError(f"{options['parameters']}: {no}") from None
        self.stdout.write(json.dumps(answer) if options["json"] else _told(answer))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None


def _told(answer: dict[str, Any]) -> str:
    arms = answer["sequence"]
    shown = {"sequence": ("" if all(len(arm) == 1 for arm in arms) else " ").join(arms)}
    for name, value in answer.items():
        if isinstance(value, dict):
            shown[name] = ", ".join(f"{arm} {number:.4f}" for arm, number in value.items())
        elif name != "sequence":
            shown[name] = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "\n".join(f"{name.replace('_', ' ')}: {said}" for name, said in shown.items())
