"""Read header values of an untrusted dataset: text, dates, age, view and body part, none of it believed."""

import re
from datetime import date, datetime

from pydicom import Dataset
from pydicom import uid as uids
from pydicom.charset import python_encoding

from screening.reasons import Flag, Reason, Rejected, shown

FIRST_YEAR, LAST_YEAR = 1850, 2200  # dates in stored files are shifted: none may leave the calendar
OLDEST = 130  # years; PatientAge beyond it is a typing error
UID = re.compile(r"[012](\.(0|[1-9]\d*))+")
VIEW_WORDS = {
    "PA": {"PA", "POSTEROANTERIOR"},
    "AP": {"AP", "ANTEROPOSTERIOR"},
    "LATERAL": {"LL", "RL", "LAT", "LATERAL"},
    "OBLIQUE": {"OBLIQUE", "OBLICUA", "LAO", "RAO", "LPO", "RPO", "LLO", "RLO"},
    "DECUBITUS": {"LLD", "RLD", "DECUBITUS"},
}
CHEST_WORDS = {"CHEST", "THORAX", "TORAX", "LUNG", "LUNGS", "CXR"}
PHANTOM_WORDS = {"PHANTOM", "QC", "CALIBRATION"}
NOBODY = re.compile(r"0*|\W*|(UNKNOWN|UNNAMED|ANON\w*)[ _-]?\d*|UNK|NONE|NULL|NIL|NA|N/A|NO ?ID")
LOSSY = {uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit, uids.JPEGLSNearLossless}


def text_of(ds: Dataset, keyword: str) -> str:
    """Return a header text, stripped, without control characters (PostgreSQL refuses NUL)."""
    value = ds.get(keyword)
    parts = value if isinstance(value, (list, tuple)) or hasattr(value, "insert") else [value]
    text = "\\".join("" if part is None else str(part) for part in parts)
    return "".join(letter for letter in text if letter.isprintable()).strip()


def person_name(text: str) -> str:
    """Return a name as people write it; DICOM's comes in parts and up to three scripts (PS3.5 section 6.2.1).

    "Lin^Mei-Hua=林^美華" reads 林美華 (Lin Mei-Hua); a name that is no DICOM one stays as it is.
    """
    alphabetic, ideographic, *_ = [*(group.split("^") for group in text.split("=")), []]
    latin, native = " ".join(" ".join(alphabetic).split()), "".join(ideographic)
    return f"{native} ({latin})" if native and latin else native or latin


def uid_of(ds: Dataset, keyword: str) -> str:
    """Return a valid UID (PS3.5 section 9) or refuse the file."""
    text = text_of(ds, keyword)
    if len(text) > 64 or not UID.fullmatch(text):
        raise Rejected(Reason.MISSING_ATTRIBUTE, f"{keyword} is missing or no UID of at most 64 characters")
    return text


def date_of(ds: Dataset, keyword: str) -> date | None:
    """Return a header date, None when absent, not a date, or of a year in which nobody was filmed or born."""
    text = text_of(ds, keyword)
    try:
        found = datetime.strptime(text, "%Y%m%d").date() if re.fullmatch(r"\d{8}", text) else None
    except ValueError:
        return None
    return found if found and FIRST_YEAR <= found.year <= LAST_YEAR else None


def age_of(ds: Dataset) -> int | None:
    """Return PatientAge in completed years, None when absent, without unit or impossible (PS3.5 AS)."""
    match = re.fullmatch(r"(\d{3})([DWMY])", text_of(ds, "PatientAge"))
    if not match:
        return None
    years = int(match[1]) // {"D": 366, "W": 53, "M": 12, "Y": 1}[match[2]]
    return years if years <= OLDEST else None


def study_date_of(ds: Dataset) -> date:
    """Return the study date or refuse the file."""
    found = date_of(ds, "StudyDate")
    if found is None:
        raise Rejected(Reason.MISSING_ATTRIBUTE, f"StudyDate is {shown(text_of(ds, 'StudyDate'))}")
    return found


def patient_id_of(ds: Dataset) -> str:
    """Return the hospital number, "" when it names nobody; refuse one too long. It is never quoted."""
    text = text_of(ds, "PatientID")
    if len(text) > 64:
        raise Rejected(Reason.MISSING_ATTRIBUTE, "PatientID is longer than 64 characters")
    return "" if NOBODY.fullmatch(text.upper()) else text


def words(text: str) -> set[str]:
    """Split a text into words of letters; a hyphen joins (postero-anterior)."""
    return set(re.findall(r"[A-Z]+", text.upper().replace("-", "")))


def named_view(text: str) -> str:
    """Return the one view a text names, "" when none or more than one."""
    found = {view for view, names in VIEW_WORDS.items() if names & words(text)}
    for special in ("DECUBITUS", "OBLIQUE"):  # "left lateral decubitus", "antero-posterior oblique"
        if special in found:
            return special
    return found.pop() if len(found) == 1 else ""


def meaning_of(ds: Dataset, keyword: str) -> str:
    """Return the meaning of the first code of a sequence."""
    sequence = ds.get(keyword)
    return text_of(sequence[0], "CodeMeaning") if sequence else ""


def view_of(ds: Dataset) -> str:
    """Return the view from ViewPosition, else ViewCodeSequence, else the descriptions."""
    texts = [text_of(ds, "ViewPosition"), meaning_of(ds, "ViewCodeSequence")]
    texts += [text_of(ds, k) for k in ("AcquisitionDeviceProcessingDescription", "SeriesDescription")]
    return next(filter(None, map(named_view, texts)), "")


def body_part_of(ds: Dataset) -> str:
    """Return what was filmed: BodyPartExamined, else the coded region, else "CHEST" if described so."""
    stated = text_of(ds, "BodyPartExamined").upper() or meaning_of(ds, "AnatomicRegionSequence").upper()
    described = text_of(ds, "SeriesDescription") + " " + text_of(ds, "StudyDescription")
    return stated or ("CHEST" if CHEST_WORDS & words(described) else "")


def size_of(ds: Dataset, keyword: str) -> int | None:
    """Return Rows or Columns if they are numbers."""
    value = ds.get(keyword)
    return value if isinstance(value, int) else None


def numbers_of(ds: Dataset, keyword: str) -> list[float]:
    """Return an attribute's values if all are numbers, else none; a comma is no decimal point."""
    value = ds.get(keyword)
    values = value if hasattr(value, "insert") else [] if value in (None, "") else [value]
    try:
        return [float(str(each)) for each in values]
    except ValueError:
        return []


def spacing_of(ds: Dataset, keyword: str) -> list[float]:
    """Return the distances of pixels, none when they are not two positive numbers."""
    found = numbers_of(ds, keyword)
    return found if len(found) == 2 and all(0 < each < 100 for each in found) else []


def is_lossy(ds: Dataset) -> bool:
    """Tell whether a picture was compressed with loss, now or once; JPEG 2000 may be either and has to say."""
    said, syntax = text_of(ds, "LossyImageCompression"), ds.file_meta.TransferSyntaxUID
    return said == "01" or syntax in LOSSY or (syntax == uids.JPEG2000 and said != "00")


def flags_of(ds: Dataset) -> list[str]:
    """Return what is odd about a file without making it unusable."""
    declared = text_of(ds, "SpecificCharacterSet")
    name = getattr(ds.get_item("PatientName"), "value", b"")
    tags = list(ds.keys())
    odd = {
        Flag.CHARSET_UNKNOWN: not all(part in python_encoding for part in declared.split("\\")),
        Flag.CHARSET_UNDECLARED: not declared and isinstance(name, bytes) and not name.isascii(),
        Flag.LOSSY: is_lossy(ds),
        Flag.OVERLAYS_DROPPED: any(tag.group >> 8 in (0x50, 0x60) for tag in tags),
        Flag.SPACING_UNKNOWN: not (spacing_of(ds, "PixelSpacing") or spacing_of(ds, "ImagerPixelSpacing")),
        Flag.PRIVATE_DROPPED: any(tag.is_private for tag in tags),
    }
    return [str(flag) for flag, true in odd.items() if true]
