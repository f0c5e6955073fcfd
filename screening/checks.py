"""What a model version must pass before it is registered; each check says what was found."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from screening.index_test import IndexTest
from screening.inference import NotScored
from screening.loading import read_test
from screening.manifests import Manifest, ModelRefused, content_path, read_content, read_manifest
from screening.reference import STUDIES, Entry, largest_difference, read_reference, study_of

SLOWEST = 5.0  # seconds a study on one core: a hospital's films of a day still pass in a night
MOST_MEMORY = 2048  # MB of the process while it scores


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, whether it is as it must be, and what was found."""

    name: str
    passed: bool
    said: str


class Examination:
    """One model under examination: what each check has found is there for the next."""

    manifest: Manifest
    test: IndexTest
    entries: list[Entry]
    seconds: float

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest_is_whole(self) -> str:
        """Read the manifest."""
        self.manifest = read_manifest(self.path)
        return f"{self.manifest.name} {self.manifest.version}, {self.manifest.kind}"

    def files_are_those(self) -> str:
        """Compare both checksums."""
        data = read_content(content_path(self.path, self.manifest), self.manifest.sha256)
        self.entries = read_reference(self.path, self.manifest.reference_sha256)
        return f"SHA-256 {self.manifest.sha256}, {len(data)} bytes; {len(self.entries)} reference studies"

    def no_pickle_and_shapes_fit(self) -> str:
        """Read the numbers by a format that can't hold code; each must be there, of its shape, and finite."""
        self.test = read_test(self.path)
        return f"{self.manifest.format}, {self.manifest.architecture}, {self.manifest.preprocessing}"

    def reference_is_met(self) -> str:
        """Ask every reference study."""
        expected = {entry["expected"] for entry in self.entries}
        if len(self.entries) < STUDIES or len(expected) < STUDIES // 2:
            raise ModelRefused(
                f"There are {len(self.entries)} reference studies with {len(expected)} answers; {STUDIES} are "
                f"needed, at least {STUDIES // 2} with answers of their own."
            )
        began = time.perf_counter()
        most = largest_difference(self.test, self.entries)
        self.seconds = (time.perf_counter() - began) / len(self.entries)
        return f"{len(self.entries)} studies, the largest difference {most}"

    def answers_are_probabilities(self) -> str:
        """Ask again in the other order: the same digits, each from 0 to 1 or none with a reason."""
        answers = [self.test.run(study_of(entry)) for entry in reversed(self.entries[:10])]
        again = [self.test.run(study_of(entry)) for entry in self.entries[:10]]
        for answer in answers:
            if answer.probability is None and not answer.reasons:
                raise ModelRefused("A study has neither a probability nor a reason why there is none.")
            if answer.probability is not None and not 0 <= answer.probability <= 1:
                raise ModelRefused(f"A study has the probability {answer.probability}.")
        if answers[::-1] != again:
            raise ModelRefused("The same study has other digits when it comes after another one.")
        return "from 0 to 1, and the same digits in another order"

    def time_and_memory(self) -> str:
        """Compare what the reference studies took with what there is."""
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if self.seconds > SLOWEST or memory > MOST_MEMORY:
            raise ModelRefused(
                f"{self.seconds:.1f} seconds a study and {memory} MB; at most {SLOWEST:.0f} and {MOST_MEMORY}."
            )
        return f"{self.seconds:.3f} seconds a study; {memory} MB, this whole process at its largest"


def check_model(path: Path) -> list[Check]:
    """Examine the model of a manifest, up to the first check that fails."""
    model = Examination(path)
    steps: list[Callable[[], str]] = [
        model.manifest_is_whole,
        model.files_are_those,
        model.no_pickle_and_shapes_fit,
        model.reference_is_met,
        model.answers_are_probabilities,
        model.time_and_memory,
    ]
    done: list[Check] = []
    for step in steps:
        name = step.__name__.replace("_", " ")
        try:
            done.append(Check(name, True, step()))
        except (ModelRefused, NotScored) as fault:
            return [*done, Check(name, False, str(fault))]
    return done
