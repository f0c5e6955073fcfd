"""De-identify a film by allow-list: what analysis needs is copied, everything else stays behind.

After DICOM PS3.15 annex E, basic profile (113100) with modified dates (113107), patient characteristics
(113108: sex, age up to 89, size, weight, smoking) and clean descriptors (113105: the only one left says, in words
of ours, what was filmed). Nothing is cleaned inside the picture, so 113101 is not claimed; a film whose header
admits burned-in text is held instead. The result is written anew, uncompressed: private and nested attributes,
overlays, preamble, padding, comments in codestreams and the sender's file header have no way into it. No free
text is copied, only codes of known lists and numbers. The same input gives the same bytes.
"""

import hashlib
import hmac
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

from pydicom import DataElement, Dataset, Sequence
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRLittleEndian

from screening.headers import (
    CHEST_WORDS,
    age_of,
    body_part_of,
    date_of,
    numbers_of,
    spacing_of,
    text_of,
    view_of,
    words,
)
from screening.pixels import pixel_element, stored_values

IMPLEMENTATION_UID = UID("2.25.90385110374284230171093420427303528361")  # ours, drawn once (PS3.5 B.2)
IMPLEMENTATION_NAME = "SCREENTRIAL_1"
METHOD = "Screentrial allow-list 2"
PROFILES = {
    "113100": "Basic Application Confidentiality Profile",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}
OLDEST_SHOWN = 89  # years; rarer ages would single people out (45 CFR 164.514)

UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
DATES = ("StudyDate", "AcquisitionDate")
CODES = {  # only these values are copied, so no text can hide in a code string
    "ImageType": {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY"},
    "Modality": {"CR", "DX"},
    "PresentationIntentType": {"FOR PRESENTATION"},
    "PatientSex": {"M", "F", "O"},
    "PatientOrientation": {"L", "R", "F", "H", "A", "P"},
    "PhotometricInterpretation": {"MONOCHROME1", "MONOCHROME2"},
    "PresentationLUTShape": {"IDENTITY", "INVERSE"},
    "PixelIntensityRelationship": {"LIN", "LOG", "DISP"},
    "VOILUTFunction": {"LINEAR", "LINEAR_EXACT", "SIGMOID"},
    "FieldOfViewHorizontalFlip": {"YES", "NO"},
    "LossyImageCompression": {"00", "01"},
    "BurnedInAnnotation": {"YES", "NO"},
    "ConversionType": {"WSD", "DI", "DF", "DV", "SI", "SD", "DRW", "SYN"},
    "SmokingStatus": {"YES", "NO", "UNKNOWN"},
}
WHOLE_NUMBERS = (
    "SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelIntensityRelationshipSign",
)  # fmt: skip
NUMBERS = (
    "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope", "PatientSize", "PatientWeight",
)  # fmt: skip
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing")
TABLES = ("ModalityLUTSequence", "VOILUTSequence")
EMPTY = (  # type 2: required to be present, may be empty
    "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate", "StudyID", "SeriesNumber",
    "InstanceNumber",
)  # fmt: skip
KEPT = {
    "SOPClassUID",
    "PixelData",
    "ViewPosition",
    "BodyPartExamined",
    *CODES,
    *WHOLE_NUMBERS,
    *NUMBERS,
    *SPACINGS,
    *TABLES,
}
MANUFACTURERS = (
    "AGFA", "CANON", "CARESTREAM", "FUJI", "FUJIFILM", "GE", "HOLOGIC", "KODAK", "KONICA", "PHILIPS",
    "SAMSUNG", "SHIMADZU", "SIEMENS", "TOSHIBA",
)  # fmt: skip
TEXT_REPRESENTATIONS = {
    "AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT",
}  # fmt: skip
LONGEST = 256  # characters of one value kept in a crosswalk
MOST = 200  # entries of a crosswalk


def keyed_uid(key: bytes, uid: str) -> str:
    """Return the pseudonym of a UID: HMAC-SHA256 under the key, as a UUID below 2.25 (PS3.5 B.2).

    The same key and UID always give the same pseudonym; without the key it cannot be undone or guessed.
    """
    digest = hmac.new(key, uid.encode(), hashlib.sha256).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def _values(ds: Dataset, keyword: str) -> list[object]:
    """Return an attribute's values as a list, empty when it is absent or empty."""
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if hasattr(value, "insert") else [value]


def _copy_codes(ds: Dataset, clean: Dataset) -> None:
    """Copy the defined codes, and what the film shows in one spelling."""
    for keyword, known in CODES.items():
        values = [str(value) for value in _values(ds, keyword)[:2]]
        if values and known.issuperset(values):
            setattr(clean, keyword, values if len(values) > 1 else values[0])
    clean.ViewPosition = view_of(ds)
    clean.BodyPartExamined = "CHEST" if CHEST_WORDS & words(body_part_of(ds)) else ""
    clean.SeriesDescription = f"{clean.BodyPartExamined} {clean.ViewPosition}".strip()


def _copy_numbers(ds: Dataset, clean: Dataset) -> None:
    """Copy numbers as numbers, so that no text can ride on them; a spacing that is none is left out."""
    for keyword in WHOLE_NUMBERS:
        for value in _values(ds, keyword)[:1]:
            setattr(clean, keyword, int(str(value)))
    clean.HighBit = clean.BitsStored - 1  # as the values are written
    copied = [(keyword, numbers_of(ds, keyword)) for keyword in NUMBERS]
    copied += [(keyword, spacing_of(ds, keyword)) for keyword in SPACINGS]
    for keyword, numbers in copied:
        values = [f"{number:.10g}" for number in numbers]
        if values:
            setattr(clean, keyword, values if len(values) > 1 else values[0])


def _copy_tables(ds: Dataset, clean: Dataset) -> None:
    """Copy lookup tables without their explanations."""
    for keyword in TABLES:
        if ds.get(keyword):
            table = Dataset()
            for part in ("LUTDescriptor", "LUTData"):
                source = ds[keyword][0][part]
                table.add(DataElement(source.tag, source.VR, source.value))
            setattr(clean, keyword, Sequence([table]))


def _shifted(ds: Dataset, keyword: str, days: int) -> str:
    """Return a header date moved by days, "" when it is absent or no date."""
    stated = date_of(ds, keyword)
    return f"{stated + timedelta(days=days):%Y%m%d}" if stated else ""


def _age(ds: Dataset) -> str:
    """Return the completed years at the study, capped at 89, from the birth date or as printed."""
    born, filmed, years = date_of(ds, "PatientBirthDate"), date_of(ds, "StudyDate"), age_of(ds)
    if born and filmed:
        years = filmed.year - born.year - ((filmed.month, filmed.day) < (born.month, born.day))
    return "" if years is None or years < 0 else f"{min(years, OLDEST_SHOWN):03d}Y"


def _manufacturer(ds: Dataset) -> str:
    """Return the maker's name from a list, OTHER for free text (which might name a hospital)."""
    stated = re.findall(r"[A-Z]+", text_of(ds, "Manufacturer").upper())
    return next((maker for maker in MANUFACTURERS if maker in stated), "OTHER" if stated else "")


def _copy_pixels(ds: Dataset, clean: Dataset) -> None:
    """Copy the stored values, uncompressed and little endian, without anything hidden in unused bits."""
    clean.add(pixel_element(stored_values(ds).tobytes(), ds.BitsAllocated))


def _declare(clean: Dataset) -> None:
    """Write how the film was de-identified (PS3.15 E.1.1)."""
    clean.PatientIdentityRemoved = "YES"
    clean.DeidentificationMethod = METHOD
    clean.LongitudinalTemporalInformationModified = "MODIFIED"
    clean.DeidentificationMethodCodeSequence = Sequence(_code(*profile) for profile in PROFILES.items())


def _code(value: str, meaning: str) -> Dataset:
    """Make an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _file_meta(clean: Dataset) -> FileMetaDataset:
    """Make a file header of our own."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = clean.SOPClassUID
    meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return meta


def deidentify(ds: Dataset, *, uid_of: Callable[[str], str], shift_days: int, subject: str) -> bytes:
    """Return a de-identified film as the bytes of a DICOM file, Explicit VR Little Endian.

    `ds` is a dataset that `check_film` has seen with sound pixels; `uid_of` maps UIDs (see `keyed_uid`),
    `shift_days` moves dates by the same number for all films of one participant, `subject` is the study number
    that replaces name and hospital number. Deterministic.
    """
    clean = Dataset()
    clean.SOPClassUID = ds.SOPClassUID
    for keyword in UIDS:
        setattr(clean, keyword, uid_of(str(ds.get(keyword))))
    for keyword in DATES:
        setattr(clean, keyword, _shifted(ds, keyword, shift_days))
    for keyword in EMPTY:
        setattr(clean, keyword, None)
    clean.PatientID, clean.PatientName = subject, subject
    clean.PatientAge, clean.Manufacturer = _age(ds), _manufacturer(ds)
    for copy in (_copy_codes, _copy_numbers, _copy_tables, _copy_pixels):
        copy(ds, clean)
    _declare(clean)
    clean.file_meta = _file_meta(clean)
    clean.preamble = b"\0" * 128
    buffer = BytesIO()
    clean.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def crosswalk(ds: Dataset) -> dict[str, str]:
    """Return what de-identification takes out of the top level, as text by keyword (by tag if private).

    Meant for the encrypted crosswalk; at most 200 values of 256 characters. Sequences and binary values are
    not entered: nested data may be deeper than the interpreter's stack.
    """
    removed: dict[str, str] = {}
    for tag in list(ds.keys())[: 10 * MOST]:
        name = keyword_for_tag(tag) or f"{tag.group:04x},{tag.element:04x}"
        text = "" if name in KEPT or len(removed) == MOST else _readable(ds, tag)
        if text:
            removed[name] = text
    return removed


def _readable(ds: Dataset, tag: BaseTag) -> str:
    """Return an element's value as text, "" when it is no text or cannot be converted."""
    try:
        # implicit files do not state the representation, and asking pydicom for it would convert the value
        if (ds.get_item(tag).VR or dictionary_VR(tag)) not in TEXT_REPRESENTATIONS:
            return ""
        return str(ds[tag].value or "")[:LONGEST]
    except Exception:  # what cannot be read cannot be kept
        return ""
