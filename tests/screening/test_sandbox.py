"""Whatever a file does to its reader, it does to a child that nobody misses."""

import hashlib
import os
import random
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from screening import messages, sandbox
from screening.dicom import FRONTAL, Film
from screening.quality import findings
from screening.reasons import FilmProblem, Reason, Rejected
from tests.dicom import COMPRESSED, chest_film, compressed, ramp, read_film, twelve_bit_film

MUTANTS = int(os.environ.get("SCREENTRIAL_MUTANTS", "3000"))
TOGETHER = 100  # files to a child here, so that the test ends soon; at work each file has a child of its own


def in_child(program: str) -> sandbox.Reading:
    """Return a reading whose child was changed by a program before."""
    nursery = sandbox._Nursery.start(
        "from screening import sandbox_child as child; child._warm_up(); child._warm_up = lambda: None; "
        f"{program}; child.main()"
    )
    ours, theirs = sandbox.socket.socketpair()
    nursery.adopt(theirs)
    assert messages.receive(ours, len(sandbox.READY)) == sandbox.READY
    messages.wait_for(ours, sandbox.ANSWERS_WITHIN)
    return sandbox.Reading(ours)


def test_a_film_is_read_as_it_would_be_here():
    assert sandbox.read_film(chest_film()) == read_film(chest_film())
    assert np.array_equal(sandbox.read_image(chest_film()), ramp() / 255)


def test_a_picture_is_judged_as_it_would_be_here():
    with sandbox.reading() as reading:
        reading.check(chest_film(), views=FRONTAL, secondary_capture=False)
        told = reading.quality()

    here = {found.code: found.value for found in findings(ramp() / 255)}
    assert told and told == pytest.approx(here, abs=1e-6)  # sums of float32: their order depends on threads


@pytest.mark.parametrize(
    "deed",
    [
        "bytearray(3 * 2**30)",
        "__import__('os').abort()",
        "__import__('signal').raise_signal(9)",
        "(lambda f: f(f))(lambda f: f(f))",
    ],
)
def test_a_reader_that_breaks_refuses_the_film(deed):
    reading = in_child(f"child.parse = lambda data: {deed}")

    with pytest.raises(Rejected) as refusal:
        reading.check(chest_film(), views=FRONTAL, secondary_capture=False)

    assert refusal.value.code is Reason.HARMFUL


@pytest.mark.parametrize(
    ("limit", "deed"),
    [
        ("child.LIMITS = ((child.resource.RLIMIT_CPU, 1),)", "[0 for _ in iter(int, 1) if 0]"),
        ("child.CLOCK = 1", "__import__('time').sleep(60)"),
    ],
    ids=["processor", "clock"],
)
def test_a_reader_that_never_ends_is_ended(limit, deed):
    reading = in_child(f"{limit}; child.parse = lambda data: {deed}")

    with pytest.raises(Rejected) as refusal:
        reading.check(chest_film(), views=FRONTAL, secondary_capture=False)

    assert refusal.value.code is Reason.HARMFUL


def test_no_secret_is_known_where_films_are_read(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "known-here-alone")
    told = "__import__('json').dumps(dict(__import__('os').environ))"
    raised = f"(_ for _ in ()).throw(child.FilmProblem(Reason.UNREADABLE, {told}))"
    reading = in_child(f"from screening.reasons import Reason; child.parse = lambda d: {raised}")

    with pytest.raises(FilmProblem) as said:
        reading.check(chest_film(), views=FRONTAL, secondary_capture=False)

    assert "OPENBLAS" in said.value.detail and "known-here-alone" not in said.value.detail


def test_a_nursery_that_was_killed_is_replaced():
    sandbox.read_film(chest_film())
    sandbox._nursery.process.kill()
    sandbox._nursery.process.wait()

    assert sandbox.read_film(chest_film()).view == "PA"


def test_many_threads_read_at_once_and_each_gets_its_own():
    films = [chest_film(PatientID=f"H-{n}") for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(sandbox.read_film, films))

    assert [film.patient_id for film in read] == [f"H-{n}" for n in range(24)]


def test_the_largest_picture_fits_into_the_limits():
    film = chest_film(ramp(6000, 5500, 4095), BitsStored=12, HighBit=11)
    if len(film) > sandbox.LARGEST_FILE:
        film = chest_film(ramp(6000, 5500, 255))

    with sandbox.reading() as reading:
        read = reading.check(film, views=FRONTAL, secondary_capture=False)
        clean = reading.clean(
            uids={"1.2.3.1": "2.25.1", "1.2.3.2": "2.25.2", "1.2.3.3": "2.25.3"}, shift_days=-1, subject="X"
        )
        assert reading.image().shape == (6000, 5500) == (read.rows, read.columns)

    assert len(clean.file) > 6000 * 5500


def mutants(chance: random.Random, count: int) -> Iterator[bytes]:
    """Change, cut, double and blank out bytes of sound films of every coding."""
    plain = [chest_film(ramp(256, 256)), twelve_bit_film()]
    coded = [compressed(film, syntax) for film in plain for syntax in COMPRESSED]
    for _ in range(count):
        data = bytearray(chance.choice(plain if chance.random() < 0.5 else coded))
        reach = 1400 if chance.random() < 0.7 else len(data)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(128, reach)] = chance.choice([chance.randrange(256), 0, 255])
        at = chance.randrange(132, len(data))
        match chance.randrange(10):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + chance.randint(1, 64)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 64)]
        yield bytes(data)


def is_sane(data: bytes, film: Film) -> bool:
    """Tell whether pydicom, left to itself, reads the picture that was taken."""
    ds: Dataset = dcmread(BytesIO(data))
    values = ds.pixel_array
    stored = np.ascontiguousarray(values, "<i4").tobytes()
    digest = hashlib.sha256(f"{film.rows}x{film.columns}:".encode() + stored).hexdigest()
    return (
        values.shape == (film.rows, film.columns)
        and values.min() < values.max()
        and film.pixel_sha256 == digest
    )


def read_all(files: list[bytes]) -> Counter[str]:
    """Have files read one after another, by a new child when one died of it or has read enough."""
    said: Counter[str] = Counter()
    waiting = deque(files)
    while waiting:
        with sandbox.reading() as reading:
            for _ in range(min(TOGETHER, len(waiting))):
                said[answer := _answer(reading, waiting.popleft())] += 1
                if answer == Reason.HARMFUL:
                    break
    return said


def _answer(reading: sandbox.Reading, data: bytes) -> str:
    try:
        film = reading.check(data, views=FRONTAL, secondary_capture=False)
    except FilmProblem as problem:
        return problem.code
    try:
        return "sane" if is_sane(data, film) else "insane"
    except Exception as error:
        return f"insane: {error}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_thousands_of_damaged_files_are_each_answered_and_what_is_taken_is_sane():
    chance = random.Random(20)
    with ThreadPoolExecutor(2) as pool:
        parts = [list(mutants(chance, MUTANTS // 2)) for _ in range(2)]
        said = sum(pool.map(read_all, parts), Counter[str]())

    assert said.total() == MUTANTS and not [s for s in said if s.startswith("insane")]
    assert said["sane"] > MUTANTS / 10 and len(said) > 10
