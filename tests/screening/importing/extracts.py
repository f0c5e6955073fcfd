"""What these stories do again and again: import a file, read the answer."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.factories import World, make_participant
from trial.models import Participant


def run(world: World, path: Path, kind: str, **options) -> dict:
    """Run the command and return its JSON answer; the exit code of refused rows is noted in it."""
    out, code = StringIO(), 0
    try:
        call_command(
            "import_clinical", str(path), trial=world.trial.code, kind=kind, json=True, stdout=out, **options
        )
    except CommandError as error:
        code = error.returncode
        if code != 1:
            raise
    return json.loads(out.getvalue()) | {"exit": code}


def counts(answer: dict) -> tuple[int, int, int, int]:
    return tuple(answer["counts"][name] for name in ("new", "changed", "unchanged", "refused"))


def messages(answer: dict) -> dict[int, str]:
    return {line["line"]: line["message"] for line in answer["lines"]}


def refusal(world: World, path: Path, kind: str, **options) -> str:
    """Return the message with which a whole file is refused."""
    with pytest.raises(CommandError) as refused:
        run(world, path, kind, **options)
    assert refused.value.returncode == 2
    return str(refused.value)


def known(world: World, *numbers: str, **kwargs) -> list[Participant]:
    return [make_participant(world, number=number, **kwargs) for number in numbers]
