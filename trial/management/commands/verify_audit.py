"""Walk the audit chain from its first link to its last anchor, and compare it with the rows it is about."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from trial.anchors import anchor_path
from trial.links import AuditLink
from trial.management.base import TrialCommand
from trial.services.audit_chain import Broken, Whole, verify

LONG = 10_000  # links; so many take more than a moment


class Command(TrialCommand):
    """Exit with 1 at the first row that is not what was written."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the heads to look for and the form of the answer."""
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="HASH",
            help="a head of the chain that left with an export: it must be in the chain still; may be repeated",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        """Walk, and say what was seen."""
        links = AuditLink.objects.count()
        try:
            with tqdm(total=links, desc="  Verifying", unit=" links", ncols=90, disable=links < LONG) as bar:
                whole = verify(heads=options["head"], progress=bar.update)
        except Broken as no:
            if options["json"]:
                self.stdout.write(json.dumps({"whole": False} | vars(no) | {"message": str(no)}))
            raise CommandError(str(no), returncode=1) from None
        self.stdout.write(json.dumps({"whole": True} | whole._asdict()) if options["json"] else _told(whole))


def _told(whole: Whole) -> str:
    told = (
        f"All {whole.rows} audit rows are as they were written: {whole.links} links, and the record agrees."
    )
    if not whole.anchored:
        return f"{told}\nNo anchor was there to compare with ({anchor_path()}): a chain cut short is not noticed."
    anchored = f"{whole.anchors} anchors outside the database confirm it up to link {whole.anchored}."
    return f"{told}\n{anchored} The head is {whole.head}."
