"""The published numbers, read from the files that hold them."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "published"
PATH = FOLDER / "opscan.json"


def load(name: str = "opscan") -> dict[str, Any]:
    """Read a fresh copy, so that a test may change it."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
