"""Why a film is rejected or set aside: stable codes, each with one sentence that says what to do."""

from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """A stable code; `sentence` says what is wrong and what to do."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> "Reason":
        """Make the code a string and keep its sentence beside it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    # rejected: the file cannot be trusted, the sender has to act
    EMPTY_FILE = "empty_file", "The file is empty; send it again."
    FILE_TOO_LARGE = "file_too_large", "The file exceeds 64 MB; send one radiograph a file."
    NOT_DICOM = "not_dicom", "This is not a DICOM file; export the radiograph as DICOM."
    DIRECTORY = "directory", "This is a DICOMDIR, a list of files; send the radiographs themselves."
    UNREADABLE = "unreadable", "The DICOM header is damaged; export the radiograph again."
    NESTED_TOO_DEEP = (
        "nested_too_deep",
        "The header nests data deeper than any radiograph does; export the radiograph again.",
    )
    HARMFUL = (
        "harmful",
        "Reading the file crashes the reader or takes too much memory or time; export the radiograph again.",
    )
    TRUNCATED = "truncated", "The file ends too early; it was copied in part, send it again."
    TRANSFER_SYNTAX = (
        "transfer_syntax",
        "The file's transfer syntax is not accepted; send Explicit VR Little Endian or lossless JPEG 2000.",
    )
    MISSING_ATTRIBUTE = (
        "missing_attribute",
        "A required attribute is missing or invalid; correct it and resend.",
    )
    NO_PIXELS = "no_pixels", "The file holds no image; send the radiograph itself."
    IMAGE_SIZE = "image_size", "The image must have 256 to 6000 rows and columns; send the full film."
    PIXEL_FORMAT = (
        "pixel_format",
        "The header describes pixels that cannot exist; export the radiograph again.",
    )
    PIXEL_LENGTH = (
        "pixel_length",
        "The pixel data do not fit rows, columns and bits; export the radiograph again.",
    )
    UNDECODABLE = "undecodable", "The pixel data cannot be decoded; send the film uncompressed."
    CONSTANT_IMAGE = (
        "constant_image",
        "The image shows one shade only; check the exposure and send the right film.",
    )

    ZIP_DAMAGED = "zip_damaged", "The zip file is damaged or not whole; pack it again."
    ZIP_EMPTY = "zip_empty", "The zip file holds no file; pack the films into it again."
    ZIP_TOO_LARGE = (
        "zip_too_large",
        "The zip file holds too many files or too much; pack fewer films into each.",
    )
    ZIP_TOO_TIGHT = "zip_too_tight", "This is packed more tightly than any film can be; send the film itself."
    ZIP_NESTED = "zip_nested", "This is a zip file inside a zip file; unpack it and send its films."
    ZIP_LINK = "zip_link", "This is a link and not a file; send the film itself."
    ZIP_ENCRYPTED = "zip_encrypted", "This is locked with a password; pack it without one."
    ZIP_METHOD = "zip_method", "This is packed by a method that is not read here; pack it as an ordinary zip."

    OTHER_STUDY = "other_study", "The film is of another study than it was sent to; send it to its own."
    FOR_PROCESSING = "for_processing", "This is the raw image; send the one for presentation."
    MULTI_FRAME = (
        "multi_frame",
        "The file has several frames; a chest film has one. Send each film by itself.",
    )
    COLOR = "color", "The image is in color; a chest film is gray. Send the original radiograph."

    # set aside: a sound file, but not a film for this model
    NOT_RADIOGRAPH = "not_radiograph", "This is not a projection radiograph; nothing to do."
    SECONDARY_CAPTURE = (
        "secondary_capture",
        "Secondary captures are not accepted from this site; send the original radiograph.",
    )
    NOT_HUMAN = "not_human", "The header names another species than human; nothing to do."
    QUALITY_CONTROL = "quality_control", "This is a quality control image; nothing to do."
    NOT_CHEST = "not_chest", "This is not a chest film; nothing to do."
    LATERAL = "lateral", "This is a lateral view, a frontal one is needed; not an error of yours."
    VIEW_NOT_ACCEPTED = "view_not_accepted", "The trial does not use this view; not an error of yours."

    # held: set aside with its picture until a person has looked
    BODY_PART_UNKNOWN = (
        "body_part_unknown",
        "The header does not say that this is a chest film; a person must look.",
    )
    VIEW_UNKNOWN = "view_unknown", "The header does not say the view; a person must look."
    BURNED_IN = "burned_in", "The header says that text is burned into the picture; a person must look."
    UID_CONTRADICTION = (
        "uid_contradiction",
        "File header and dataset name different images; a person must look.",
    )
    DATE_CONTRADICTION = (
        "date_contradiction",
        "The study is older than the patient; correct the dates and resend.",
    )
    AGE_UNCLEAR = (
        "age_unclear",
        "The age in the header is impossible or lacks its unit; a person must look.",
    )
    PATIENT_NOT_NAMED = (
        "patient_not_named",
        "The header has no patient number; enter it in the archive and send the film again.",
    )
    KIND_CONTRADICTION = (
        "kind_contradiction",
        "The file is stored as a radiograph but names another modality; a person must look.",
    )
    ORIENTATION = (
        "orientation",
        "The header says that the picture is mirrored or rotated; a person must look.",
    )
    BITS_CONTRADICTION = (
        "bits_contradiction",
        "Pixel values leave the range that the header states; a person must look.",
    )


# Sound pixels, doubtful header: the film is kept, de-identified, and counts for nobody until somebody looked.
HELD = frozenset(
    {
        Reason.BODY_PART_UNKNOWN,
        Reason.VIEW_UNKNOWN,
        Reason.BURNED_IN,
        Reason.UID_CONTRADICTION,
        Reason.DATE_CONTRADICTION,
        Reason.AGE_UNCLEAR,
        Reason.PATIENT_NOT_NAMED,
        Reason.KIND_CONTRADICTION,
        Reason.ORIENTATION,
        Reason.BITS_CONTRADICTION,
    }
)


# Of these, who looks at the picture can say that it is a frontal chest all the same; the others contradict who the
# patient is, which no picture tells.
SETTLED_BY_A_LOOK = frozenset(
    {
        Reason.BODY_PART_UNKNOWN,
        Reason.VIEW_UNKNOWN,
        Reason.BURNED_IN,
        Reason.KIND_CONTRADICTION,
        Reason.ORIENTATION,
        Reason.BITS_CONTRADICTION,
    }
)


class Flag(StrEnum):
    """What is odd about a film that is taken all the same."""

    LOSSY = "lossy"
    OVERLAYS_DROPPED = "overlays_dropped"
    SPACING_UNKNOWN = "spacing_unknown"
    CHARSET_UNDECLARED = "charset_undeclared"
    CHARSET_UNKNOWN = "charset_unknown"
    PRIVATE_DROPPED = "private_dropped"
    SECONDARY_CAPTURE = "secondary_capture"
    # of the picture: see quality.HOLDING for what holds a film instead
    LOW_CONTRAST = "low_contrast"
    MIRRORED = "mirrored"


class FilmProblem(ValueError):
    """A film that will not be scored.

    `code` is the Reason, `message` a sentence for people (it never holds a name or a number of the patient),
    `film` the facts as far as the header could be read, else None.
    """

    def __init__(self, code: Reason, detail: str = "", film: Any = None) -> None:
        self.code, self.detail, self.film = code, detail, film
        self.message = f"{code.sentence} ({detail})" if detail else code.sentence
        super().__init__(self.message)


class Rejected(FilmProblem):
    """The file is broken, hostile or incomplete."""


class SetAside(FilmProblem):
    """The file is sound but not a film the model reads; its facts are in `film`."""


def shown(value: object) -> str:
    """Quote a header's value for a message: printable, at most 40 characters."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value))
    return repr(text[:40])
