"""Which image a file says it is: two UIDs from its first bytes, to name it in an answer. Nothing else is parsed.

Source: PS3.10 section 7.1: group 2 is always Explicit VR Little Endian.
"""

import re
import struct
from typing import NamedTuple

SOP_CLASS, SOP_INSTANCE = (2, 2), (2, 3)
LONG = (b"OB", b"UN", b"UT")
FURTHEST = 4096  # bytes: a file header is a few hundred
UID = re.compile(rb"[0-9.]{1,64}")


class Reference(NamedTuple):
    """An image by its SOP class and instance UID."""

    sop_class: str
    sop_instance: str


def reference_of(data: bytes) -> Reference | None:
    """Return which image a file says it is, None when it doesn't say so properly."""
    found, at = {}, 132
    while data[128:132] == b"DICM" and at + 12 <= min(len(data), FURTHEST):
        group, element, kind, length = struct.unpack_from("<HH2sH", data, at)
        at += 8
        if kind in LONG:
            (length,) = struct.unpack_from("<I", data, at)
            at += 4
        if group != 2:
            break
        found[group, element] = data[at : at + length].rstrip(b"\0 ")
        at += length
    uids = [found.get(tag, b"") for tag in (SOP_CLASS, SOP_INSTANCE)]
    return Reference(*(uid.decode() for uid in uids)) if all(map(UID.fullmatch, uids)) else None
