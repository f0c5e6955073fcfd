"""Take radiographs as they are laid in a folder, complete files only; nothing in the folder is changed."""

import hmac
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import connections

from screening.management.arguments import WHOLE_CALL_REFUSED, add_by, add_trial, site_of, user_of
from screening.management.deliveries import (
    ALL_REJECTED,
    FileAnswer,
    SourceFile,
    Stamp,
    all_rejected,
    files_below,
    summary,
    take_file,
)
from trial import audit
from trial.crypto import derived_key
from trial.management.base import TrialCommand
from trial.models import Site
from trial.roles import Permission
from trial.services.trials import Refused

SOURCE = "watch"
UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload")


class Memory:
    """Which files were answered before, over restarts: keyed digests, for names of files may name people."""

    def __init__(self, site: Site) -> None:
        self._file = settings.VAR / "watched" / f"{site.trial.code}-{site.number:02d}"
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._known = set(self._file.read_text().split("\n")) if self._file.exists() else set()
        self._key = derived_key("watched files")

    def knows(self, path: Path, stamp: Stamp) -> bool:
        """Tell whether this file was answered as it is now."""
        return self._digest(path, stamp) in self._known

    def keep(self, path: Path, stamp: Stamp) -> None:
        """Remember that it was; what a power cut loses of this is received again and changes nothing."""
        digest = self._digest(path, stamp)
        self._known.add(digest)
        with self._file.open("a") as lines:
            # A line that a kill cut short must not take the next one with it.
            lines.write(f"\n{digest}\n")

    def _digest(self, path: Path, stamp: Stamp) -> str:
        told = f"{path.absolute()}\0{stamp.size}\0{stamp.changed}"
        return hmac.digest(self._key, told.encode(errors="surrogateescape"), "sha256").hex()


class Watch:
    """Which files of a folder are complete: unchanged for a while, and not named as unfinished."""

    def __init__(self, folder: Path, memory: Memory, *, unchanged: float) -> None:
        self._folder, self._memory, self._unchanged = folder, memory, unchanged
        self._seen: dict[Path, tuple[Stamp, float]] = {}

    def look(self) -> list[tuple[SourceFile, Stamp]]:
        """Look once, and return the complete files that were not answered yet, each as it was seen."""
        now, before, complete = time.monotonic(), self._seen, []
        self._seen = {}
        for file in files_below(self._folder):
            stamp = self._stamp(file.path)
            if stamp is None or self._memory.knows(file.path, stamp):
                continue
            known, since = before.get(file.path, (stamp, now))
            self._seen[file.path] = stamp, since if known == stamp else now
            if now - self._seen[file.path][1] >= self._unchanged:
                complete.append((file, stamp))
        return complete

    def answered(self, file: SourceFile, stamp: Stamp) -> None:
        """Take a file out of the watch, as long as it stays as it was seen."""
        self._seen.pop(file.path, None)
        self._memory.keep(file.path, stamp)

    @property
    def waiting(self) -> int:
        """Return how many files were there at the last look and have no answer."""
        return len(self._seen)

    def _stamp(self, path: Path) -> Stamp | None:
        inside = path.relative_to(self._folder).parts
        if path.suffix.lower() in UNFINISHED or any(part.startswith(".") for part in inside):
            return None
        try:
            return Stamp.of(path.stat())
        except OSError:
            return None  # gone again


class Command(TrialCommand):
    """Watch until stopped."""

    help = f"{__doc__} A folder that can only be read will do."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the folder, the trial and the times."""
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        add_trial(parser)
        add_by(parser)
        parser.add_argument("--poll", type=float, default=2, metavar="S", help="look every S seconds (2)")
        parser.add_argument(
            "--unchanged",
            type=float,
            default=5,
            metavar="S",
            help="a file is complete when it was unchanged for S seconds (5)",
        )
        parser.add_argument("--once", action="store_true", help="take what is complete now, then end")

    def handle(self, **options: Any) -> None:
        """Take what comes until SIGTERM or Ctrl+C; the file under way is answered first."""
        if not options["folder"].is_dir():
            raise CommandError(f"There is no folder {options['folder']}.", returncode=WHOLE_CALL_REFUSED)
        self.counts: Counter[str] = Counter()
        self.unreadable: dict[str, str] = {}
        self.put_off = ""  # why nothing is taken now
        self.stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop.set())
        site = site_of(self, options["trial"], options["site"])
        watch = Watch(options["folder"], Memory(site), unchanged=options["unchanged"])
        if options["once"]:
            self._once(watch, options)
            return
        self._tell(f"Watching {options['folder']} for {site}, until you press Ctrl+C.")
        while not self.stop.is_set():
            self._look(watch, options)
            self.stop.wait(options["poll"])
        self._tell(f"Stopped. {summary(self.counts)}")

    def _once(self, watch: Watch, options: dict[str, Any]) -> None:
        watch.look()
        self.stop.wait(options["unchanged"])
        self._look(watch, options)
        self._tell(summary(self.counts))
        if watch.waiting:
            self._tell(f"{watch.waiting} more wait: they still change, or could not be taken.")
        if self.put_off:
            raise CommandError(self.put_off)
        if all_rejected(self.counts):
            raise CommandError(ALL_REJECTED)

    def _look(self, watch: Watch, options: dict[str, Any]) -> None:
        """Take the files that are complete; when one can't be taken now, all wait for the next look."""
        try:
            if complete := watch.look():
                self._take(watch, complete, options)
                self.put_off = ""
        except DatabaseError:
            connections.close_all()
            self._put_off("The database is away.")  # what it says itself may quote a row
        except (Refused, OSError) as error:
            self._put_off(str(error))

    def _put_off(self, why: str) -> None:
        if self.put_off != why:
            self.stderr.write(f"{why} The files stay where they are and are tried again.")
        self.put_off = why

    def _take(self, watch: Watch, complete: list[tuple[SourceFile, Stamp]], options: dict[str, Any]) -> None:
        # Read anew each time: over days a trial closes, and an account loses its role.
        site = site_of(self, options["trial"], options["site"], tell=False)
        by = user_of(options["by"], Permission.UPLOAD_FILMS, [site])
        for file, stamp in complete:
            if self.stop.is_set():
                return
            with audit.entry("command"):
                answer = take_file(file, site=site, source=SOURCE, by=by)
            if answer.read:
                watch.answered(file, stamp)
            self._answer(answer)

    def _answer(self, answer: FileAnswer) -> None:
        """Tell what became of a file; of one that can't be read, and is tried at each look, only once."""
        if self.unreadable.get(answer.file) == answer.message:
            return
        if answer.read:
            self.unreadable.pop(answer.file, None)
        else:
            self.unreadable[answer.file] = answer.message
        self.counts[answer.outcome] += 1
        self._tell(str(answer))

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
