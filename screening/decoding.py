"""Decode one compressed film in a process of its own.

Decoders in C abort, crash and hang on damaged codestreams, and a kilobyte can ask for gigabytes; here that
ends a child with limits, not a server or a worker. The child reads a DICOM file from standard input and
writes the stored values, row by row, to standard output. It is run by path and imports nothing of ours.
"""

import resource
import subprocess
import sys
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

MEMORY = 2 * 2**30  # bytes of address space
SECONDS = 20  # of processor time; twice that by the clock
PIXEL_MODULE = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation",
)  # fmt: skip


class DecodingFailed(ValueError):
    """The child ended without a picture."""


def decode_apart(ds: Dataset) -> bytes:
    """Return the stored values of a compressed dataset as little-endian bytes of its BitsAllocated.

    Raises DecodingFailed when the decoder fails, crashes or exceeds 2 GiB or its time.
    """
    command = [sys.executable, "-I", __file__]
    try:
        child = subprocess.run(command, input=_pixel_module(ds), capture_output=True, timeout=2 * SECONDS)  # noqa: S603 (our own file)
    except subprocess.TimeoutExpired as error:
        raise DecodingFailed("the decoder took too long") from error
    if child.returncode or len(child.stdout) != ds.Rows * ds.Columns * ds.BitsAllocated // 8:
        raise DecodingFailed(f"the decoder ended with status {child.returncode}")
    return child.stdout


def _pixel_module(ds: Dataset) -> bytes:
    """Write only what a decoder needs, nothing about the patient."""
    part, meta, buffer = Dataset(), FileMetaDataset(), BytesIO()
    for keyword in PIXEL_MODULE:
        setattr(part, keyword, ds.get(keyword))
    part.add(ds["PixelData"])
    part["PixelData"].is_undefined_length = True
    meta.TransferSyntaxUID = ds.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = part.SOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = part.SOPInstanceUID = UID("2.25.1")
    part.file_meta = meta
    part.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def main() -> None:
    """Decode standard input under limits; let every error end the process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ds = dcmread(BytesIO(sys.stdin.buffer.read()))
    kind = "i" if ds.PixelRepresentation else "u"
    values = ds.pixel_array.astype(f"<{kind}{ds.BitsAllocated // 8}")
    sys.stdout.buffer.write(values.tobytes())


if __name__ == "__main__":
    main()
