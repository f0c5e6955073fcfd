"""Take radiographs from files and folders: one answer a file; nothing is changed at the source."""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from screening.management.arguments import WHOLE_CALL_REFUSED, add_by, add_trial, site_of, user_of
from screening.management.deliveries import (
    ALL_REJECTED,
    FileAnswer,
    SourceFile,
    all_rejected,
    files_below,
    summary,
    take_file,
)
from screening.models import Radiograph
from screening.vocabulary import FilmState, ReceiptOutcome
from screening.worker import worker_at_hand
from trial import audit
from trial.management.base import TrialCommand
from trial.roles import Permission
from trial.services.trials import Refused

SOURCE = "folder"
TOLD = ("file", "outcome", "reason", "message")
STALLED_AFTER = 60  # seconds without a film scored
WORKER = "celery -A config.celery worker --beat"


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
        site, files = site_of(self, options["trial"], options["site"]), list(named(options["paths"]))
        by = user_of(options["by"], Permission.UPLOAD_FILMS, [site])
        answers: list[FileAnswer] = []
        try:
            with audit.entry("command"):
                for file in tqdm(files, desc="Receiving", unit="file"):
                    answers.append(take_file(file, site=site, source=SOURCE, by=by))
        except Refused as no:
            raise CommandError(f"{no} Before that, {len(answers)} files were answered.") from None
        finally:
            self._say(answers, as_json=options["json"])
        if all_rejected(outcomes(answers)):
            raise CommandError(ALL_REJECTED)
        if options["wait"] and (films := [answer.film for answer in answers if answer.film]):
            with worker_at_hand():
                wait_until_scored(films)

    def _say(self, answers: list[FileAnswer], *, as_json: bool) -> None:
        if as_json:
            told = [{name: getattr(answer, name) for name in TOLD} for answer in answers]
            self.stdout.write(json.dumps(told, indent=1))
            return
        for answer in answers:
            if answer.outcome != ReceiptOutcome.ACCEPTED:
                self.stdout.write(str(answer))
        self.stdout.write(summary(outcomes(answers)))


def outcomes(answers: Iterable[FileAnswer]) -> Counter[str]:
    """Count the answers by outcome."""
    return Counter(answer.outcome for answer in answers)


def named(paths: Iterable[Path]) -> Iterator[SourceFile]:
    """Return the files named, and all files below the folders named, in order."""
    for path in paths:
        if not (path.is_file() or path.is_dir()):
            raise CommandError(f"There is no file or folder {path}.", returncode=WHOLE_CALL_REFUSED)
        yield from files_below(path) if path.is_dir() else [SourceFile(path)]


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
