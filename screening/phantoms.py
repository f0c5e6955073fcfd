"""Synthetic chest radiographs: a phantom of thorax, lungs, heart, spine, ribs and clavicles.

Bone density is the only cause of the outcome: it sets how much the bones absorb and how thick their rims
are. Body size, exposure, contrast, position and noise vary independently of it, so that brightness alone
tells next to nothing. No picture shows a real person.
"""

import math
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from screening.deidentification import keyed_uid

SIZE = 512  # rows and columns of a film
OSTEOPOROSIS = -2.5  # T-score, WHO 1994

Picture = NDArray[np.floating]


@dataclass(frozen=True)
class Anatomy:
    """Say how one person is built; lengths in half-widths of the film, nothing here depends on density."""

    width: float
    height: float
    thickness: float
    heart: float
    heart_tilt: float
    rib_spacing: float
    rib_slope: float
    rib_phase: float
    clavicle_slope: float
    scoliosis: float

    @classmethod
    def draw(cls, rng: Generator) -> "Anatomy":
        """Draw a person's build."""
        return cls(
            width=rng.uniform(0.86, 1.06),
            height=rng.uniform(0.90, 1.08),
            thickness=rng.uniform(0.75, 1.25),
            heart=rng.uniform(0.85, 1.25),
            heart_tilt=rng.uniform(-0.35, -0.10),
            rib_spacing=rng.uniform(0.145, 0.175),
            rib_slope=rng.uniform(0.30, 0.50),
            rib_phase=rng.uniform(0, 1),
            clavicle_slope=rng.uniform(0.05, 0.22),
            scoliosis=rng.uniform(-0.03, 0.03),
        )


@cache
def _grid(size: int) -> tuple[Picture, Picture]:
    """Return x (to the right) and y (down) of every pixel, from -1 to 1, broadcastable."""
    steps = np.linspace(-1, 1, size, dtype=np.float32)
    return steps[None, :], steps[:, None]


@cache
def _stretch(coarse: int, size: int) -> Picture:
    """Return the matrix (size, coarse) that stretches a coarse line to a fine one, linearly."""
    place = np.linspace(0, coarse - 1, size)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(coarse)[None, :])).astype(np.float32)


def _texture(rng: Generator, coarse: int, size: int) -> Picture:
    """Draw a smooth random field of unit variance at its knots, `coarse` knots a side."""
    matrix = _stretch(coarse, size)
    return matrix @ rng.standard_normal((coarse, coarse), dtype=np.float32) @ matrix.T


def _inside(distance: Picture, softness: float) -> Picture:
    """Turn a signed distance (negative inside) into a soft mask from 0 to 1."""
    return np.clip(0.5 - distance / (2 * softness), 0, 1)


def _ellipse(x: Picture, y: Picture, at: tuple[float, float], radii: tuple[float, float]) -> Picture:
    """Return about the signed distance to an ellipse, in units of the film."""
    radius = np.sqrt(((x - at[0]) / radii[0]) ** 2 + ((y - at[1]) / radii[1]) ** 2)
    return (radius - 1) * min(radii)


def _bar(offset: Picture, half_width: float, rim: float) -> Picture:
    """Return a bone's absorption across its width: a rounded shaft with a denser rim."""
    place = np.abs(offset) / half_width
    shaft = np.sqrt(np.clip(1 - place**2, 0, 1))
    return shaft * (0.55 + rim * place**2)


def _rim(density: float) -> float:
    """Return how much a bone's rim adds: cortices thin as density falls."""
    return max(0.1, 0.75 + 0.18 * density)


def _mineral(density: float) -> float:
    """Return the absorption of bone relative to a T-score of 0: about 12 % a standard deviation."""
    return math.exp(0.13 * density)


def _lungs(x: Picture, y: Picture, build: Anatomy) -> Picture:
    """Return the mask of both lungs: narrow tops, domes of the diaphragm, the right one higher."""
    w, h = build.width, build.height
    taper = 0.30 * w * (1 + 0.22 * y)
    masks = []
    for side, base in ((-1, 0.40), (1, 0.47)):
        across = (x - side * (0.40 * w + 0.04 * y)) / taper
        lung = (np.sqrt(across**2 + ((y + 0.02) / (0.78 * h)) ** 2) - 1) * taper
        masks.append(_inside(np.maximum(lung, y - (base + 0.16 * across**2) * h), 0.02))
    return np.maximum(*masks)


def _soft_tissue(x: Picture, y: Picture, build: Anatomy, lungs: Picture) -> Picture:
    """Return the absorption of trunk and shoulders, the air taken out around heart and mediastinum."""
    half_width = build.width * (0.93 - 0.62 * np.exp(-(((y + 1.10) / 0.24) ** 2)) - 0.06 * y)
    trunk = _inside(np.abs(x) - half_width, 0.06)
    heart_at, heart_radii = (0.13, 0.24), (0.27 * build.heart, 0.25 * build.heart)
    heart = _inside(_ellipse(x + build.heart_tilt * (y - 0.24), y, heart_at, heart_radii), 0.03)
    mediastinum = _inside(np.abs(x) - 0.12 - 0.04 * y**2, 0.04)
    air = 0.62 * lungs * (1 - np.maximum(0.85 * heart, 0.8 * mediastinum))
    return build.thickness * trunk * (1 - air)


def _rank(line: Picture, spacing: float, half_width: float, rim: float) -> Picture:
    """Return the absorption of equally spaced bones along the lines on which `line` is constant."""
    return _bar(((line / spacing) % 1 - 0.5) * spacing, half_width, rim)


def _ribs(x: Picture, y: Picture, build: Anatomy, rim: float) -> Picture:
    """Return the absorption of the posterior ribs, falling outward, and of the fainter anterior ones."""
    side, spacing = np.abs(x) / build.width, build.rib_spacing * build.height
    cage = _inside(_ellipse(x, y, (0, 0.02), (0.80 * build.width, 0.90 * build.height)), 0.03)
    start = build.rib_phase * spacing
    posterior = _rank(y - build.rib_slope * side**1.5 + start, spacing, 0.036, rim)
    anterior = _rank(y + 0.75 * side + start, spacing * 1.15, 0.042, rim)
    return cage * (posterior + 0.45 * anterior * np.clip(side * 3 - 0.6, 0, 1))


def _spine(x: Picture, y: Picture, build: Anatomy, rim: float) -> Picture:
    """Return the absorption of the vertebral column, with its discs and pedicles."""
    middle = x - build.scoliosis * np.sin(3 * y)
    level = (y / (0.115 * build.height) + 0.3) % 1 - 0.5
    body = _bar(middle, 0.105, rim) * (1 - 0.35 * np.exp(-((np.abs(level) - 0.5) ** 2) / 0.008))
    pedicles = np.exp(-((np.abs(middle) - 0.062) ** 2) / 0.0002 - (level + 0.1) ** 2 / 0.02)
    return 1.1 * body + 0.3 * rim * pedicles


def _clavicles(x: Picture, y: Picture, build: Anatomy, rim: float) -> Picture:
    """Return the absorption of both collar bones."""
    side = np.abs(x)
    line = y + 0.62 * build.height + build.clavicle_slope * (side - 0.1) - 0.04 * np.sin(6 * side)
    reach = _inside(np.abs(side - 0.42 * build.width) - 0.34 * build.width, 0.02)
    return reach * _bar(line, 0.034, rim)


def _film(rng: Generator, absorption: Picture, lungs: Picture) -> Picture:
    """Expose an absorption map: texture, vessels, brightness, contrast, noise; values from 0 to 1.

    The exposure is automatic, as on a real stand: the film's mean follows the set brightness, not the bones.
    """
    size = len(absorption)
    tissue = 0.030 * _texture(rng, 9, size) + 0.012 * _texture(rng, 40, size)
    vessels = 0.030 * np.abs(_texture(rng, 64, size)) * lungs
    contrast, brightness = math.exp(rng.uniform(-0.25, 0.25)), rng.uniform(-0.10, 0.10)
    grain = rng.uniform(0.008, 0.022) * rng.standard_normal((size, size), dtype=np.float32)
    shown = 0.48 + brightness + 0.52 * contrast * (absorption - absorption.mean() + tissue + vessels) + grain
    return np.clip(shown, 0, 1) ** math.exp(rng.uniform(-0.15, 0.15))


def _placed(rng: Generator, size: int) -> tuple[Picture, Picture]:
    """Return the grid as the person stood: shifted and turned a little."""
    x, y = _grid(size)
    turn, right, down = rng.uniform(-0.03, 0.03), rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)
    return (x - right - turn * y).astype(np.float32), (y - down + turn * x).astype(np.float32)


def render_pa(build: Anatomy, density: float, rng: Generator, size: int = SIZE) -> Picture:
    """Render a postero-anterior film, (size, size) in [0, 1], bone bright.

    `density` is the person's true bone density as a T-score (standard deviations of the young adult).
    """
    x, y = _placed(rng, size)
    lungs, rim = _lungs(x, y, build), _rim(density)
    bones = 0.22 * _ribs(x, y, build, rim) + 0.42 * _spine(x, y, build, rim)
    bones += 0.30 * _clavicles(x, y, build, rim)
    return _film(rng, _soft_tissue(x, y, build, lungs) + _mineral(density) * bones, lungs)


def render_lateral(build: Anatomy, density: float, rng: Generator, size: int = SIZE) -> Picture:
    """Render a left lateral film, (size, size) in [0, 1]: spine behind, heart and breastbone in front."""
    x, y = _placed(rng, size)
    rim, w, h = _rim(density), build.width, build.height
    trunk = _inside(_ellipse(x, y, (0, 0.25), (0.72 * w, 1.45 * h)), 0.06)
    lung = _ellipse(x, y, (0.06, -0.05), (0.52 * w, 0.75 * h))
    lungs = _inside(np.maximum(lung, y - 0.38 - 0.35 * x), 0.02)
    heart = _inside(_ellipse(x - 0.3 * (y - 0.2), y, (-0.18, 0.22), (0.26 * build.heart, 0.26)), 0.03)
    curve = x - 0.42 * w - 0.10 * np.cos(1.8 * y)
    level = np.abs((y / (0.13 * h) + 0.3) % 1 - 0.5)
    bones = 0.5 * _bar(curve, 0.11, rim) * (1 - 0.4 * np.exp(-((level - 0.5) ** 2) / 0.008))
    bones += 0.25 * _bar(x + 0.53 * w - 0.12 * y, 0.03, rim) * _inside(np.abs(y + 0.15) - 0.35, 0.02)
    ribs = _rank(y - 0.55 * x, build.rib_spacing * h, 0.036, rim)
    bones += 0.12 * ribs * lungs
    soft = build.thickness * trunk * (1 - 0.6 * lungs * (1 - 0.8 * heart))
    return _film(rng, soft + _mineral(density) * bones, lungs)


@dataclass(frozen=True)
class Header:
    """Whose film it is and when it was taken; the caller makes the names plainly artificial."""

    patient_id: str
    patient_name: str
    issuer: str
    sex: str
    birth_date: date
    study_date: date
    number: int = 1  # of the film among those of one person and day


def _identify(ds: Dataset, header: Header, view: str) -> None:
    """Write patient, study, series and image; the UIDs follow from the header, so a film has one for ever."""
    key = f"{header.issuer}/{header.patient_id}/{header.study_date}"
    ds.PatientID, ds.PatientName, ds.IssuerOfPatientID = header.patient_id, header.patient_name, header.issuer
    ds.PatientSex, ds.PatientBirthDate = header.sex, f"{header.birth_date:%Y%m%d}"
    ds.StudyDate = ds.AcquisitionDate = ds.ContentDate = f"{header.study_date:%Y%m%d}"
    ds.StudyTime = ds.ContentTime = "090000"
    ds.StudyInstanceUID = keyed_uid(b"phantom study", key)
    ds.SeriesInstanceUID = keyed_uid(b"phantom series", f"{key}/{view}")
    ds.SOPInstanceUID = keyed_uid(b"phantom image", f"{key}/{view}/{header.number}")
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 1, header.number
    ds.AccessionNumber, ds.ReferringPhysicianName = "", ""


def _store(ds: Dataset, picture: Picture, inverted: bool) -> None:
    """Write a picture as 12 bits in 16."""
    stored = np.rint(picture * 4095).astype("<u2")
    ds.PixelData = (4095 - stored if inverted else stored).astype("<u2").tobytes()
    ds.Rows, ds.Columns = picture.shape
    ds.SamplesPerPixel, ds.PixelRepresentation = 1, 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    ds.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", 1 if inverted else -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"


def to_dataset(picture: Picture, header: Header, view: str = "PA", inverted: bool = False) -> Dataset:
    """Wrap a picture as a DX film for presentation; `inverted` stores it as MONOCHROME1."""
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = DigitalXRayImageStorageForPresentation, "DX"
    ds.PresentationIntentType, ds.ImageType = "FOR PRESENTATION", ["ORIGINAL", "PRIMARY", ""]
    ds.Manufacturer, ds.ManufacturerModelName = "Screentrial", "Thorax phantom"
    ds.BodyPartExamined, ds.ViewPosition, ds.ImageLaterality = "CHEST", view, "U"
    ds.PatientOrientation = ["L", "F"] if view == "PA" else ["P", "F"]
    ds.ImagerPixelSpacing = [f"{430 / picture.shape[0]:.4f}"] * 2  # a detector of 43 cm
    _identify(ds, header, view)
    _store(ds, picture, inverted)
    return ds


def to_bytes(ds: Dataset) -> bytes:
    """Write a dataset as the bytes of a DICOM file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta, buffer = meta, BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def unusable(kind: str, header: Header, size: int = SIZE) -> bytes:
    """Make a file that cannot be scored: "black", "truncated" or "ct"."""
    shade = np.zeros((size, size)) if kind == "black" else np.tile(np.linspace(0, 1, size), (size, 1))
    ds = to_dataset(shade, header)
    if kind == "ct":
        ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    data = to_bytes(ds)
    return data[: len(data) // 2] if kind == "truncated" else data
