"""Write the texts of a trial's report as a gettext catalog, to be translated: numbers are {1}, {2} and so on.

Example: report_words OPSCAN --language zh-hant. The file goes into the folder REPORT_LANGUAGES, where the report finds
it; translations that are there already stay, also of texts that only another trial's report has.
"""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from analysis.document import ENGLISH
from analysis.models import Freeze
from analysis.services.blinded import blinded_words
from analysis.services.documents import document
from analysis.services.languages import wording
from analysis.wording import Wording, write_catalog
from trial.management.base import TrialCommand
from trial.services.trials import Refused

LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


class Command(TrialCommand):
    """Ask a report for its texts, write the catalog, say what is left to do."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the trial, the freeze and the language."""
        parser.add_argument("trial", help="the trial's code")
        parser.add_argument("--freeze", type=int, help="the number of the freeze; the last one if left out")
        parser.add_argument("--language", required=True, help="such as zh-hant, de or pt-br")

    def handle(self, **options: Any) -> None:
        """Write the file."""
        words = self._words(options["language"].lower())
        frozen = self._freeze(options["trial"], options["freeze"])
        document(frozen, words)
        blinded_words(frozen, words)
        path = Path(settings.REPORT_LANGUAGES) / f"{words.language}.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        here = {text: words.texts.get(text, "") for text in words.met}
        path.write_text(write_catalog(words.language, here | dict(words.texts)), "utf-8")
        self.stdout.write(f"{path}: {len(here)} texts of {frozen}, {len(words.missing)} to translate.")
        for text in words.missing:
            if words.texts.get(text):
                self.stderr.write(f"Not used, for it has other numbers in braces than its text: {text}")

    def _words(self, language: str) -> Wording:
        if not LANGUAGE.fullmatch(language) or language == ENGLISH:
            raise CommandError(
                f"{language!r} is no language to translate into. Write it as zh-hant, de or pt-br."
            )
        try:
            return wording(language)
        except Refused as no:
            raise CommandError(str(no)) from None

    def _freeze(self, code: str, number: int | None) -> Freeze:
        found = Freeze.objects.filter(trial=self.trial(code)).order_by("number")
        if frozen := found.filter(number=number).first() if number else found.last():
            return frozen
        numbers = ", ".join(map(str, found.values_list("number", flat=True))) or "none yet"
        raise CommandError(f"{code} has no such freeze. Freezes: {numbers}.")
