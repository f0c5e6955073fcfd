"""DICOM pixels to an image in [0, 1]: stored values, modality, VOI, polarity, in this order, each once.

The published code starts from PNG files and does not say how they were made, so this step is our own. It is
part of the model's input and therefore has a version: `PIXELS_VERSION`.

- A VOI LUT replaces the window; of several windows or tables the first is used (PS3.3 C.11.2).
- A table's output is divided by its largest possible value, 2**bits - 1; a window's output is [0, 1] already.
- Without either, the range of storable values is divided out: 8 bits by 255, 12 bits by 4095.
- MONOCHROME1 or the LUT shape INVERSE (which DX demands together) turn the picture once, at the end.
"""

import hashlib
import math
import struct

import numpy as np
from numpy.typing import NDArray
from pydicom import DataElement, Dataset
from pydicom.encaps import generate_frames
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from screening.decoding import DecodingFailed, decode_apart
from screening.reasons import FilmProblem, Reason, Rejected, shown

PIXELS_VERSION = "stored-modality-voi-invert-unit/1"
SMALLEST_SIDE, LARGEST_SIDE = 256, 6000

Stored = NDArray[np.integer]
Image = NDArray[np.floating]

# start-of-frame markers of JPEG and JPEG-LS (ITU-T T.81 table B.1, T.87)
FRAME_MARKERS = {*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7}


def whole(ds: Dataset, keyword: str) -> int:
    """Return a whole number of the header or refuse the file."""
    value = ds.get(keyword)
    if not isinstance(value, int):
        raise Rejected(Reason.PIXEL_FORMAT, f"{keyword} is {shown(value)}, not a whole number")
    return int(value)


def _check_format(ds: Dataset) -> None:
    """Check that size and bits are possible and small enough to decode."""
    rows, columns = whole(ds, "Rows"), whole(ds, "Columns")
    if min(rows, columns) < SMALLEST_SIDE or max(rows, columns) > LARGEST_SIDE:
        raise Rejected(Reason.IMAGE_SIZE, f"it has {rows} x {columns}")
    allocated, stored, high = (whole(ds, f) for f in ("BitsAllocated", "BitsStored", "HighBit"))
    if allocated not in (8, 16) or not 1 < stored <= allocated or high != stored - 1:
        raise Rejected(Reason.PIXEL_FORMAT, f"bits allocated {allocated}, stored {stored}, high bit {high}")
    if whole(ds, "PixelRepresentation") not in (0, 1):
        raise Rejected(Reason.PIXEL_FORMAT, "PixelRepresentation must be 0 or 1")


def _check_length(ds: Dataset) -> None:
    """Check that uncompressed pixel data have the length the header says, one padding byte allowed."""
    expected = ds.Rows * ds.Columns * ds.BitsAllocated // 8
    found = len(ds.PixelData)
    if found < expected:
        raise Rejected(Reason.TRUNCATED, f"{found} of {expected} bytes of pixels")
    if found > expected + expected % 2:
        raise Rejected(Reason.PIXEL_LENGTH, f"{found} bytes of pixels instead of {expected}")


def _jpeg_size(frame: bytes) -> tuple[int, int]:
    """Return rows and columns from a JPEG or JPEG-LS codestream."""
    at = 2
    while frame[at + 1] not in FRAME_MARKERS:
        at += 2 + int.from_bytes(frame[at + 2 : at + 4])
    rows, columns = struct.unpack(">HH", frame[at + 5 : at + 9])
    return rows, columns


def _codestream_size(frame: bytes) -> tuple[int, int] | None:
    """Return rows and columns as the codestream says, None when the coding (RLE) does not say."""
    if frame.startswith(b"\xff\x4f\xff\x51"):  # JPEG 2000: start of codestream, SIZ (ISO 15444-1 A.5.1)
        right, bottom, left, top = struct.unpack(">4I", frame[8:24])
        return bottom - top, right - left
    return _jpeg_size(frame) if frame.startswith(b"\xff\xd8") else None


def _check_codestream(ds: Dataset) -> None:
    """Check a compressed frame before decoding: a kilobyte can claim a picture of gigabytes."""
    frames = list(generate_frames(ds.PixelData, number_of_frames=1))
    size = _codestream_size(frames[0])
    if size is None:
        return
    if size != (ds.Rows, ds.Columns):
        raise Rejected(Reason.PIXEL_LENGTH, f"the codestream has {size[0]} x {size[1]} pixels")
    if not frames[0].rstrip(b"\0").endswith(b"\xff\xd9"):
        raise Rejected(Reason.TRUNCATED, "the codestream has no end")


def stored_values(ds: Dataset) -> Stored:
    """Decode the stored values, (rows, columns) of integers, if the header allows to do so safely.

    A compressed dataset is decompressed in place, so that its pixels are decoded once.
    """
    try:
        _check_format(ds)
        if ds.file_meta.TransferSyntaxUID.is_compressed:
            _check_codestream(ds)
            _decompress(ds)
        _check_length(ds)
        values: Stored = ds.pixel_array  # cached by pydicom
    except FilmProblem:
        raise
    except Exception as error:  # pydicom raises nearly everything
        detail = str(error) if isinstance(error, DecodingFailed) else type(error).__name__
        raise Rejected(Reason.UNDECODABLE, detail) from error
    return values


def little_endian(values: Stored, ds: Dataset) -> bytes:
    """Return stored values as bytes of the header's width and sign."""
    return values.astype(f"<{'i' if ds.PixelRepresentation else 'u'}{ds.BitsAllocated // 8}").tobytes()


def pixel_element(plain: bytes, bits: int) -> DataElement:
    """Make the element of uncompressed pixels, padded to an even length."""
    return DataElement(Tag("PixelData"), "OW" if bits > 8 else "OB", plain + b"\0" * (len(plain) % 2))


def _decompress(ds: Dataset) -> None:
    """Replace compressed pixels by plain ones."""
    ds.add(pixel_element(decode_apart(ds), ds.BitsAllocated))
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _look_up(values: NDArray[np.generic], table: Dataset) -> tuple[Image, float]:
    """Map values through a LUT; return them with the largest value the table can hold (PS3.3 C.11.1.1)."""
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    count = count or 2**16
    data = table.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, "<u2" if len(data) >= 2 * count else "u1")
    entries = np.asarray(data, np.float64)[:count]
    if len(entries) < count:
        raise Rejected(Reason.PIXEL_FORMAT, f"a LUT has {len(entries)} of {count} entries")
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, count - 1)
    return entries[index], float(2**bits - 1)


def _modality(ds: Dataset, stored: Stored) -> tuple[Image, float, float]:
    """Return modality values with the lowest and highest value they could have (PS3.3 C.11.1)."""
    if ds.get("ModalityLUTSequence"):
        values, highest = _look_up(stored, ds.ModalityLUTSequence[0])
        return values, 0.0, highest
    slope, intercept = float(ds.get("RescaleSlope") or 1), float(ds.get("RescaleIntercept") or 0)
    if "RescaleSlope" in ds and float(ds.RescaleSlope) == 0:
        raise Rejected(Reason.PIXEL_FORMAT, "RescaleSlope is 0")
    lowest = -(2 ** (ds.BitsStored - 1)) if ds.PixelRepresentation else 0
    ends = [edge * slope + intercept for edge in (lowest, lowest + 2**ds.BitsStored - 1)]
    return stored * slope + intercept, min(ends), max(ends)


def _first(value: object) -> float:
    """Return the first of one or several numbers."""
    return float(value[0] if hasattr(value, "__getitem__") and not isinstance(value, str) else value)  # type: ignore[arg-type]


def _window(ds: Dataset, values: Image) -> Image:
    """Apply the first window (PS3.3 C.11.2.1.2 and C.11.2.1.3), result in [0, 1]."""
    center, width = _first(ds.WindowCenter), _first(ds.WindowWidth)
    function = ds.get("VOILUTFunction") or "LINEAR"
    if not (math.isfinite(center) and math.isfinite(width)) or width <= (1 if function == "LINEAR" else 0):
        raise Rejected(Reason.PIXEL_FORMAT, f"a window of width {shown(ds.WindowWidth)}")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _voi(ds: Dataset, values: Image, lowest: float, highest: float) -> Image:
    """Bring modality values to [0, 1] by table, window or range."""
    if ds.get("VOILUTSequence"):
        output, largest = _look_up(values, ds.VOILUTSequence[0])
        return output / largest
    if ds.get("WindowWidth") is not None and ds.get("WindowCenter") is not None:
        return _window(ds, values)
    return (values - lowest) / (highest - lowest)


def pixels(ds: Dataset) -> Image:
    """Return the film as (rows, columns) of float64 in [0, 1], dense tissue bright; see the module's text.

    Raises Rejected when the pixels cannot be decoded, hold no finite number or show one shade only.
    """
    stored = stored_values(ds)
    try:
        image = _voi(ds, *_modality(ds, stored))
    except FilmProblem:
        raise
    except Exception as error:  # a header's number may be any text
        raise Rejected(Reason.PIXEL_FORMAT, type(error).__name__) from error
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise Rejected(Reason.PIXEL_FORMAT, "its values leave the range from 0 to 1")
    if image.min() == image.max():
        raise Rejected(Reason.CONSTANT_IMAGE)
    inverted = ds.PhotometricInterpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE"
    return 1 - image if inverted else image


def pixel_sha256(ds: Dataset) -> str:
    """Return the SHA-256 of shape and decoded stored values: equal for one picture in any transfer syntax."""
    values = stored_values(ds)
    digest = hashlib.sha256(f"{values.shape[0]}x{values.shape[1]}:".encode())
    digest.update(np.ascontiguousarray(values, "<i4").tobytes())
    return digest.hexdigest()
