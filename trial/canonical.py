"""One way to write plain values as text, so that equal values have equal checksums."""

import json
from hashlib import sha256
from typing import Any


def checksum(value: Any, *, ascii_only: bool = False) -> str:
    """Return the SHA-256 of the canonical JSON (sorted names, no blanks, UTF-8), as hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only)
    return sha256(text.encode()).hexdigest()
