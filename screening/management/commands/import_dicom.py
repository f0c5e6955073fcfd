"""Take radiographs from files and folders: one answer a file; nothing is changed at the source."""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from screening import tasks
from screening.dicom import LARGEST_FILE
from screening.management.arguments import WHOLE_CALL_REFUSED, add_by, add_trial, site_of, user_of
from screening.models import Radiograph
from screening.services import intake
from screening.vocabulary import FilmState, ReceiptOutcome
from screening.worker import worker_at_hand
from trial import audit
from trial.management.base import TrialCommand
from trial.models import Site, User
from trial.roles import Permission
from trial.services.trials import Refused

SOURCE = "folder"
STALLED_AFTER = 60  # seconds without a film scored
WORKER = "celery -A config.celery worker --beat"


@dataclass(frozen=True)
class Answer:
    """What became of one file."""

    file: str
    outcome: str
    reason: str
    message: str


class Command(TrialCommand):
    """Send DICOM files through intake and have them scored by the worker."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the paths, the trial and the form of the answer."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
        add_trial(parser)
        add_by(parser)
        parser.add_argument("--json", action="store_true", help="print a JSON list, one object a file")
        parser.add_argument(
            "--no-wait",
            action="store_false",
            dest="wait",
            help="leave the scoring to a worker that runs anyway",
        )

    def handle(self, **options: Any) -> None:
        """Take every file, then say what became of each."""
        site, paths = site_of(self, options["trial"], options["site"]), list(files_in(options["paths"]))
        by = user_of(options["by"], Permission.UPLOAD_FILMS, [site])
        answers: list[Answer] = []
        films: list[UUID] = []
        try:
            with audit.entry("command"):
                for path in tqdm(paths, desc="Receiving", unit="file"):
                    answers.append(self._take(path, site, by, films))
        except Refused as no:
            raise CommandError(f"{no} Before that, {len(answers)} files were answered.") from None
        finally:
            self._say(answers, as_json=options["json"])
        if options["wait"] and films:
            with worker_at_hand():
                wait_until_scored(films)

    def _take(self, path: Path, site: Site, by: User | None, films: list[UUID]) -> Answer:
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST_FILE + 1)  # one byte too many is enough to be refused
        except OSError as error:
            said = f"This file can't be read here ({error.strerror})."
            return Answer(str(path), ReceiptOutcome.REJECTED, "not_readable", said)
        answer = intake.receive(data, site=site, source=SOURCE, by=by)
        if answer.to_score and answer.film:
            tasks.enqueue(answer.film)
            films.append(answer.film)
        return Answer(str(path), answer.outcome, answer.reason, answer.message)

    def _say(self, answers: list[Answer], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps([asdict(answer) for answer in answers], indent=1))
            return
        for answer in answers:
            if answer.outcome != ReceiptOutcome.ACCEPTED:
                self.stdout.write(f"{answer.file}: {answer.outcome} ({answer.reason}): {answer.message}")
        counts = Counter(answer.outcome for answer in answers)
        told = ", ".join(f"{counts[o]} {o.replace('_', ' ')}" for o in ReceiptOutcome)
        self.stdout.write(f"{len(answers)} files: {told}.")


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Return the files named, and all files below the folders named, in order."""
    for path in paths:
        if not (path.is_file() or path.is_dir()):
            raise CommandError(f"There is no file or folder {path}.", returncode=WHOLE_CALL_REFUSED)
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def wait_until_scored(films: Collection[UUID], *, stalled_after: float = STALLED_AFTER) -> None:
    """Wait until the worker has scored these films or given up; raise CommandError when nothing moves."""
    waiting = Radiograph.objects.filter(pk__in=films, state=FilmState.ELIGIBLE)
    moved = time.monotonic()
    with tqdm(total=len(films), desc="Scoring", unit="film") as bar:
        while (done := len(films) - waiting.count()) < len(films):
            if done > bar.n:
                bar.update(done - bar.n)
                moved = time.monotonic()
            if time.monotonic() - moved > stalled_after:
                said = f"No film was scored for {stalled_after:g} s; {len(films) - done} wait."
                raise CommandError(f"{said} They are kept, and scored once a worker runs: {WORKER}")
            time.sleep(0.5)
        bar.update(len(films) - bar.n)
