"""Words of a keyed stream: a sealed key replays every draw, and nothing drawn need be stored.

The stream is HMAC-SHA256(key, "label:i") for i = 1, 2, ...; the first eight bytes, big-endian, are one
64-bit word. ``below(n)`` rejects words past the last full multiple of n.
"""

import hmac
from hashlib import sha256

WORD = 1 << 64


class RuleError(ValueError):
    """Raised when an allocation rule can't be drawn from; says what, the limit and what to do."""


class KeyedStream:
    """Words of a keyed stream; keeps the keyed hash, not the key, and shows neither."""

    __slots__ = ("_counter", "_label", "_mac")

    def __init__(self, key: bytes, label: str) -> None:
        if not key:
            raise RuleError("The trial key is empty. Set the key of this trial before drawing.")
        self._mac = hmac.new(key, digestmod=sha256)
        self._label = label
        self._counter = 0

    def __repr__(self) -> str:
        return f"<KeyedStream {self._label!r}, key hidden>"

    def __reduce__(self) -> str:
        raise TypeError("A keyed stream is never written down.")

    def word(self) -> int:
        """Return the next 64-bit word."""
        self._counter += 1
        mac = self._mac.copy()
        mac.update(f"{self._label}:{self._counter}".encode())
        return int.from_bytes(mac.digest()[:8], "big")

    def below(self, n: int) -> int:
        """Return a number uniform on 0 .. n-1, by rejection (a bare modulo would favor small numbers)."""
        limit = WORD - WORD % n
        while (word := self.word()) >= limit:
            pass
        return word % n

    def uniform(self, index: int) -> float:
        """Return the 53 high bits of a given word (from 1) as a number from 0 to below 1, exact in a double.

        A draw that needs one number takes the word of its own index, whatever was drawn before.
        """
        self._counter = index - 1
        return (self.word() >> 11) / (1 << 53)

    def shuffle(self, items: list[str]) -> list[str]:
        """Shuffle in place, Fisher-Yates from the top; return the list."""
        for top in range(len(items) - 1, 0, -1):
            other = self.below(top + 1)
            items[top], items[other] = items[other], items[top]
        return items


def stream_label(trial_code: str, list_version: int | str, stratum_label: str) -> str:
    """Name a stratum's stream; two different triples never share one.

    Parts are joined by "/" and a "/" or "%" inside a part is escaped, so no part can imitate a border.
    """
    return "/".join(_escape(str(part)) for part in (trial_code, list_version, stratum_label))


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace("/", "%2F")
