"""The published numbers, read from the one file that holds them."""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent.parent / "published" / "opscan.json"


def load() -> dict[str, Any]:
    """Read a fresh copy, so that a test may change it."""
    return json.loads(PATH.read_text(encoding="utf-8"))
