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
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import DataElement, Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000TransferSyntaxes, RLELossless
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from screening.headers import is_lossy
from screening.reasons import FilmProblem, Reason, Rejected, shown

PIXELS_VERSION = "stored-modality-voi-invert-unit/1"
SMALLEST_SIDE, LARGEST_SIDE = 256, 6000

Stored = NDArray[np.integer]
Image = NDArray[np.floating]

# start-of-frame markers of JPEG and JPEG-LS (ITU-T T.81 table B.1, T.87)
FRAME_MARKERS = {*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7}
BLOCK = 64  # rows
MOST_TILES = 65535  # ISO 15444-1 A.5.1
# By a run's first byte: how many bytes it makes, and how many it takes (PS3.5 G.3.2).
RLE_MAKES = np.array([*range(1, 129), 0, *range(128, 1, -1)])
RLE_TAKES = np.array([*range(2, 130), 1, *[2] * 127], np.int32)


class Frame(NamedTuple):
    """What a codestream says of its picture."""

    rows: int
    columns: int
    components: int
    bits: int


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
    if allocated not in (8, 16) or not 1 < stored <= allocated or not stored - 1 <= high < allocated:
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


def _jpeg_frame(stream: bytes) -> Frame:
    """Read the first frame header of a JPEG or JPEG-LS codestream."""
    at = 2
    while stream[at] == 0xFF and stream[at + 1] not in FRAME_MARKERS:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4])
    if stream[:2] != b"\xff\xd8" or stream[at] != 0xFF:
        raise Rejected(Reason.UNDECODABLE, "no JPEG codestream")
    bits, rows, columns, components = struct.unpack(">BHHB", stream[at + 4 : at + 10])
    return Frame(rows, columns, components, bits)


def _jpeg_2000_frame(stream: bytes) -> Frame:
    """Read SIZ, which begins a JPEG 2000 codestream (ISO 15444-1 A.5.1)."""
    if not stream.startswith(b"\xff\x4f\xff\x51"):
        raise Rejected(Reason.UNDECODABLE, "no JPEG 2000 codestream")
    right, bottom, left, top, width, height, _, _, components, bits = struct.unpack(">8IHB", stream[8:43])
    if right * bottom > MOST_TILES * width * height:
        raise Rejected(Reason.PIXEL_LENGTH, "the codestream has too many tiles")
    return Frame(bottom - top, right - left, components, (bits & 0x7F) + 1)


def _codestream(ds: Dataset, syntax: UID) -> bytes:
    """Return the one compressed frame, checked before decoding: a kilobyte can claim a picture of gigabytes."""
    stream = b"".join(generate_frames(ds.PixelData, number_of_frames=1))
    if syntax == RLELossless:
        return stream
    frame = _jpeg_2000_frame(stream) if syntax in JPEG2000TransferSyntaxes else _jpeg_frame(stream)
    if (frame.rows, frame.columns) != (ds.Rows, ds.Columns):
        raise Rejected(Reason.PIXEL_LENGTH, f"the codestream has {frame.rows} x {frame.columns} pixels")
    if frame.components != 1 or frame.bits > ds.BitsAllocated:
        raise Rejected(
            Reason.PIXEL_FORMAT, f"the codestream has {frame.components} components of {frame.bits} bits"
        )
    if not stream.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise Rejected(Reason.TRUNCATED, "the codestream has no end")
    return stream


def _rle_values(stream: bytes, ds: Dataset) -> bytes:
    """Decode RLE (PS3.5 annex G) as little-endian values.

    The coding states no size, so its runs are counted here before any is unpacked; a segment that runs on is refused.
    """
    count, *starts = struct.unpack("<16L", stream[:64])
    width, size = ds.BitsAllocated // 8, ds.Rows * ds.Columns
    starts = starts[:count]
    if count != width or starts != sorted(starts) or starts[0] < 64 or starts[-1] >= len(stream):
        raise Rejected(Reason.PIXEL_LENGTH, f"an RLE header of {count} segments for {width} bytes a pixel")
    parts = zip(starts, [*starts[1:], len(stream)], strict=True)
    planes = [_unpacked(stream[a:b], size) for a, b in parts]
    return np.stack(planes[::-1], axis=-1).tobytes()  # the most significant byte comes first


def _unpacked(segment: bytes, size: int) -> NDArray[np.uint8]:
    data = np.frombuffer(segment, np.uint8)
    heads = _run_heads(data)
    makes = RLE_MAKES[data[heads]]
    ends = np.cumsum(makes)
    last = int(np.searchsorted(ends, size))
    if last == len(heads) or heads[last] + RLE_TAKES[data[heads[last]]] > len(segment):
        raise Rejected(Reason.TRUNCATED, f"an RLE segment of {ends[-1]} of {size} bytes")
    rest = segment[heads[last] + RLE_TAKES[data[heads[last]]] :]
    if ends[last] > size or rest.strip(b"\0\x80"):  # more than padding
        raise Rejected(Reason.PIXEL_LENGTH, "an RLE segment runs on")
    heads, makes, begins = heads[: last + 1], makes[: last + 1], (ends - makes)[: last + 1]
    literal = (data[heads] < 128).astype(np.int32)
    steps = np.arange(size, dtype=np.int32) * np.repeat(literal, makes)
    return data[np.repeat(heads + 1 - begins.astype(np.int32) * literal, makes) + steps]


def _run_heads(data: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return where the runs begin: each byte leads to the one behind its run, and the path from the first is walked."""
    size = len(data)
    behind = np.minimum(np.arange(size, dtype=np.int32) + RLE_TAKES[data], size)
    steps = np.minimum(np.arange(size + 2, dtype=np.int32), size)  # nothing leads on from the end
    paths = csr_array((np.ones(size), behind, steps), shape=(size + 1, size + 1))
    heads: NDArray[np.int32] = breadth_first_order(paths, 0, return_predecessors=False)[:-1]
    return heads


def _type(ds: Dataset) -> str:
    return f"<{'i' if ds.PixelRepresentation else 'u'}{ds.BitsAllocated // 8}"


def _values(ds: Dataset) -> Stored:
    """Return the values as they stand in the file, unused bits and all, if the header allows to decode them.

    A compressed dataset is decompressed in place, so that its pixels are decoded once.
    """
    try:
        _check_format(ds)
        syntax = ds.file_meta.TransferSyntaxUID
        if syntax.is_encapsulated:
            _decompress(ds, _codestream(ds, syntax), syntax)
        _check_length(ds)
        count = ds.Rows * ds.Columns
        values: Stored = np.frombuffer(ds.PixelData, _type(ds), count).reshape(ds.Rows, ds.Columns)
    except FilmProblem:
        raise
    except Exception as error:  # pydicom raises nearly everything
        raise Rejected(Reason.UNDECODABLE, type(error).__name__) from error
    return values


def _decompress(ds: Dataset, stream: bytes, syntax: UID) -> None:
    """Replace compressed pixels by plain ones."""
    if syntax == RLELossless:
        plain = _rle_values(stream, ds)
    else:
        values = pixel_array(ds, correct_unused_bits=False)
        if values.shape != (ds.Rows, ds.Columns):
            raise Rejected(Reason.UNDECODABLE, "another size than the header's came out")
        plain = values.astype(_type(ds)).tobytes()
    # What is lossy stays so, though it is stored plain from here on.
    ds.LossyImageCompression = "01" if is_lossy(ds) else "00"
    ds.add(pixel_element(plain, ds.BitsAllocated))
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def stored_values(ds: Dataset) -> Stored:
    """Decode the stored values, (rows, columns) of integers, without what may stand in unused bits."""
    values, unused = _values(ds), ds.BitsAllocated - ds.BitsStored
    return (values << unused) >> unused if unused else values


def values_fit(ds: Dataset) -> bool:
    """Tell whether high bit, sign and bits stored describe the values that are there."""
    if ds.HighBit != ds.BitsStored - 1:
        return False
    return ds.BitsStored == ds.BitsAllocated or np.array_equal(_values(ds), stored_values(ds))


def pixel_element(plain: bytes, bits: int) -> DataElement:
    """Make the element of uncompressed pixels, padded to an even length."""
    return DataElement(Tag("PixelData"), "OW" if bits > 8 else "OB", plain + b"\0" * (len(plain) % 2))


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


def _blocks(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield a few rows after the other: what is made of them on the way stays small and takes no new memory."""
    return (values[top : top + BLOCK] for top in range(0, len(values), BLOCK))


def pixels(ds: Dataset, kind: type[np.floating] = np.float64) -> Image:
    """Return the film as (rows, columns) of floats in [0, 1], dense tissue bright; see the module's text.

    Raises Rejected when the pixels cannot be decoded, hold no finite number or show one shade only.
    """
    stored = stored_values(ds)
    shades, image = _shades(ds, stored), np.empty(stored.shape, kind)
    for values, part in zip(_blocks(stored), _blocks(image), strict=True):
        part[:] = shades[values]
    return image


def check_pixels(ds: Dataset) -> None:
    """Raise what `pixels` raises."""
    _shades(ds, stored_values(ds))


def _shades(ds: Dataset, stored: Stored) -> Image:
    """Return the shade of each value that the bits allow, a negative one's counted from the end; check those seen.

    There are far fewer values than pixels.
    """
    possible = np.arange(2**ds.BitsAllocated).astype(stored.dtype)
    try:
        shades = _voi(ds, *_modality(ds, possible))
    except FilmProblem:
        raise
    except Exception as error:  # a header's number may be any text
        raise Rejected(Reason.PIXEL_FORMAT, type(error).__name__) from error
    seen = np.zeros(len(possible), bool)
    for values in _blocks(stored):
        seen[values] = True
    found = shades[seen]
    if not np.isfinite(found).all() or found.min() < 0 or found.max() > 1:
        raise Rejected(Reason.PIXEL_FORMAT, "its values leave the range from 0 to 1")
    if found.min() == found.max():
        raise Rejected(Reason.CONSTANT_IMAGE)
    inverted = ds.PhotometricInterpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE"
    return 1 - shades if inverted else shades


def pixel_sha256(ds: Dataset) -> str:
    """Return the SHA-256 of shape and decoded stored values: equal for one picture in any transfer syntax."""
    values = stored_values(ds)
    digest = hashlib.sha256(f"{values.shape[0]}x{values.shape[1]}:".encode())
    for some in _blocks(values):
        digest.update(np.ascontiguousarray(some, "<i4").ravel().data)
    return digest.hexdigest()
