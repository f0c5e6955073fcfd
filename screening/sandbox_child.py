"""The process in which untrusted films are read: a nursery that forks one short-lived child for each film.

The nursery imports the readers once, holds no key, no environment and no connection but the one to its parent,
and lives as long as that. Each child has a film, hard limits and nobody else's data; whatever the film does to
it, it does to it alone. Questions and answers are JSON and plain bytes: nothing that comes out is unpickled.
See sandbox.py for the parent's side.
"""

import ctypes
import gc
import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np
import PIL.Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, RLELossless

from screening import messages
from screening.deidentification import crosswalk, deidentify
from screening.dicom import check_film, guarded, parse
from screening.pixels import pixels
from screening.quality import findings
from screening.reasons import FilmProblem, SetAside

MEMORY = 2 * 2**30  # bytes of address space
SECONDS = 20  # of processor time for one film
CLOCK = 40  # seconds by the clock for one answer
LIMITS = (
    (resource.RLIMIT_AS, MEMORY),
    (resource.RLIMIT_CPU, SECONDS),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_NOFILE, 16),
    (resource.RLIMIT_NPROC, 0),
)
LONGEST_QUESTION = 2**20  # bytes of JSON
READY = b"ready"

Answer = tuple[dict[str, Any], bytes | memoryview]


class Bench:
    """One film, opened, and what may be asked about it."""

    dataset: Dataset

    def check(self, data: bytes, *, views: list[str], secondary_capture: bool) -> Answer:
        """Read and check a file that came from outside."""
        self.dataset = parse(data)
        film = check_film(self.dataset, data, views=frozenset(views), secondary_capture=secondary_capture)
        return {"film": asdict(film)}, b""

    def load(self, data: bytes) -> Answer:
        """Read a stored file, which was checked when it came."""
        self.dataset = parse(data)
        return {}, b""

    def clean(self, _: bytes, *, uids: dict[str, str], shift_days: int, subject: str) -> Answer:
        """De-identify the film; return with it what is taken out."""
        removed = guarded(crosswalk, self.dataset)
        clean = guarded(
            deidentify, self.dataset, uid_of=uids.__getitem__, shift_days=shift_days, subject=subject
        )
        return {"removed": removed}, clean

    def quality(self, _: bytes) -> Answer:
        """Return what is wrong with the picture, by code: what was measured."""
        found = findings(pixels(self.dataset, np.float32))
        return {"findings": {finding.code: finding.value for finding in found}}, b""

    def picture(self, _: bytes, *, side: int) -> Answer:
        """Return the picture as a PNG, its longer side at most `side`."""
        shades = np.rint(np.clip(pixels(self.dataset), 0, 1) * 255).astype(np.uint8)
        small, png = PIL.Image.fromarray(shades), BytesIO()
        small.thumbnail((side, side))
        small.save(png, "PNG")
        return {}, png.getvalue()

    def image(self, _: bytes) -> Answer:
        """Return the picture in [0, 1]."""
        image = np.ascontiguousarray(pixels(self.dataset), np.float64)
        return {"shape": image.shape}, image.data


def main() -> None:
    """Fork a child for every connection that the parent hands over on standard input; end with the parent."""
    control = socket.socket(fileno=0)
    _warm_up()
    _give_back()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: the kernel buries them
    while True:
        _, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not handles:
            return
        if os.fork() == 0:
            control.close()
            _live(socket.socket(fileno=handles[0]))
        os.close(handles[0])


def _warm_up() -> None:
    """Read one film of nobody here, so that no child loads anything for the first time."""
    shade = np.tile(np.arange(256, dtype="<u2"), (256, 1))
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = DigitalXRayImageStorageForPresentation, "DX"
    ds.SOPInstanceUID = ds.StudyInstanceUID = ds.SeriesInstanceUID = "2.25.1"
    ds.StudyDate, ds.PatientName, ds.PatientID, ds.PatientAge = "20000101", "Nobody", "1", "050Y"
    ds.BodyPartExamined, ds.ViewPosition, ds.PixelSpacing = "CHEST", "PA", [1, 1]
    ds.PhotometricInterpretation, ds.SamplesPerPixel, ds.PixelRepresentation = "MONOCHROME2", 1, 0
    ds.Rows, ds.Columns = shade.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelData, ds.file_meta, buffer = shade.tobytes(), FileMetaDataset(), BytesIO()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        UID("2.25.1"),
    )
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(buffer, enforce_file_format=True)
    bench = Bench()
    bench.check(buffer.getvalue(), views=["PA"], secondary_capture=False)
    bench.clean(b"", uids={"2.25.1": "2.25.2"}, shift_days=0, subject="nobody")
    bench.quality(b"")  # makes the drawings that each film is compared with


def _give_back() -> None:
    """Return freed memory to the system: a child that writes where the nursery has written pays for a copy first."""
    gc.collect()
    gc.freeze()
    with suppress(AttributeError):  # other C libraries have none
        ctypes.CDLL(None).malloc_trim(0)


def _live(line: socket.socket) -> None:
    """Answer for one film, then end without touching anything that the nursery owns."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what a decoder complains of may name the patient
        for limit, most in LIMITS:
            resource.setrlimit(limit, (most, most))
        messages.send(line, READY)
        _serve(line)
    finally:
        os._exit(0)


def _serve(line: socket.socket) -> None:
    bench = Bench()
    while True:
        asked = json.loads(messages.receive(line, LONGEST_QUESTION))
        # The default of this signal is death: no code of a decoder is asked to cooperate.
        signal.setitimer(signal.ITIMER_REAL, CLOCK)
        answer, payload = _answer(getattr(bench, asked.pop("act")), messages.receive(line, MEMORY), asked)
        messages.send(line, json.dumps(answer, default=str).encode())
        messages.send(line, payload)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(act: Callable[..., Answer], data: bytes, asked: dict[str, Any]) -> Answer:
    try:
        return act(data, **asked)
    except FilmProblem as problem:
        film = asdict(problem.film) if problem.film else None
        aside = isinstance(problem, SetAside)
        return {"problem": problem.code, "detail": problem.detail, "set_aside": aside, "film": film}, b""
