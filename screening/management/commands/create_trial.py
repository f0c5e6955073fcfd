"""Set up a trial from a protocol template, with its sites and the demonstration model."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from screening.inference import ModelRefused
from screening.services import scoring, setup
from screening.services.setup import pin_model, with_waiver
from trial import audit
from trial.management.base import TrialCommand
from trial.models import ProtocolVersion, Trial, TrialKind, User
from trial.protocol import Protocol, template, template_names
from trial.roles import Role
from trial.services import protocols, signatures, trials
from trial.services.trials import Refused
from trial.study_numbers import FORM

FIRST_SITE = "1:First site:Asia/Taipei"
NO_PATIENTS = "none: no patient of this trial is contacted"


class Command(TrialCommand):
    """Make a draft trial; with two accounts named, approve its protocol and open it."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the trial, its protocol, its sites and who answers for it."""
        parser.add_argument("code", metavar="CODE", help="2 to 12 capital letters and digits, a letter first")
        parser.add_argument("--title", required=True)
        parser.add_argument("--template", default="opscan", choices=template_names())
        kinds = [kind.value for kind in TrialKind if kind != TrialKind.TEST]  # made by try_protocol
        parser.add_argument("--kind", default=TrialKind.LIVE, choices=kinds)
        parser.add_argument(
            "--site", action="append", metavar="N:NAME:ZONE", help=f"may be repeated (default {FIRST_SITE})"
        )
        parser.add_argument(
            "--waiver", default="", help="reference of the waiver of consent, if there is one"
        )
        parser.add_argument(
            "--by", metavar="USER", help="account of the coordinator, who drafts the protocol"
        )
        parser.add_argument(
            "--approved-by", metavar="USER", help="another account, of the investigator; not for a live trial"
        )

    def handle(self, **options: Any) -> None:
        """Set the trial up, all of it or nothing."""
        if options["approved_by"] and options["kind"] == TrialKind.LIVE:
            raise CommandError(
                "A live trial's protocol is approved on its page, by a second person signed in."
            )
        try:
            with audit.entry("command"), transaction.atomic():
                trial = self._create(**options)
                version = self._draft(trial, **options) if options["by"] else None
                opened = bool(version and options["approved_by"])
                if version and opened:
                    self._open(version, self._user(options["approved_by"], trial))
        except (Refused, ModelRefused) as no:
            raise CommandError(str(no)) from None
        except ValidationError as no:
            raise CommandError(" ".join(no.messages)) from None
        self._say(trial, version, opened=opened)

    def _create(self, **options: Any) -> Trial:
        code = options["code"]
        if not FORM.fullmatch(f"{code}-01-000001-0"):
            raise CommandError(
                f"Trial code {code!r}: use 2 to 12 capital letters and digits, a letter first."
            )
        if Trial.objects.filter(code=code).exists():
            raise CommandError(f"There is a trial {code} already. Choose another code.")
        trial = trials.create_trial(code, title=options["title"], kind=options["kind"], by=None)
        for text in options["site"] or [FIRST_SITE]:
            number, name, zone = _site(text)
            trials.add_site(trial, number=number, name=name, time_zone=zone, by=None)
        return trial

    def _draft(self, trial: Trial, **options: Any) -> ProtocolVersion:
        author = self._user(options["by"], trial)
        trials.give_role(author, role=Role.COORDINATOR, trial=trial, by=None)
        return protocols.draft_protocol(trial, protocol=_protocol(**options), by=author)

    def _open(self, version: ProtocolVersion, approver: User) -> None:
        trials.give_role(approver, role=Role.INVESTIGATOR, trial=version.trial, by=None)
        signatures.sign(version, by=version.drafted_by, password=None)
        setup.put_in_force(protocols.approve_protocol(version, by=approver), by=approver)

    def _say(self, trial: Trial, version: ProtocolVersion | None, *, opened: bool) -> None:
        sites = ", ".join(str(site) for site in trial.sites.order_by("number"))
        self.stdout.write(f"Trial {trial.code} ({trial.kind}) with {sites}.")
        if opened:
            self.stdout.write(f"Its protocol is in force: import_dicom PATH --trial {trial.code}")
        elif version:
            tried = f"Its protocol is a draft: try it (try_protocol {trial.code} --by {version.drafted_by})"
            self.stdout.write(f"{tried}, then a second person approves it in the admin.")
        else:
            self.stdout.write("It has no protocol yet: name the accounts of those who answer for it (--by).")

    def _user(self, username: str, trial: Trial) -> User:
        """Return an account; outside live trials it is made if need be, its password printed once."""
        user = User.objects.filter(username=username).first()
        if user is None and trial.kind == TrialKind.LIVE:
            said = f"There is no account {username!r}."
            raise CommandError(f"{said} The system administrator makes accounts, under Accounts.")
        if user is None:
            password = secrets.token_urlsafe(12)
            user = trials.create_account(username, password=password, name=username, by=None)
            self.stdout.write(f"Account {username} was made; its password, shown this once: {password}")
        return user


def _protocol(**options: Any) -> Protocol:
    protocol = pin_model(template(options["template"]), scoring.register_model())
    waiver = options["waiver"] or ("" if options["kind"] == TrialKind.LIVE else NO_PATIENTS)
    protocol = with_waiver(protocol, waiver) if waiver else protocol
    if open_places := protocol.approval_problems():
        raise CommandError(f"{' '.join(map(str, open_places))} Name it with --waiver.")
    return protocol


def _site(text: str) -> tuple[int, str, str]:
    number, _, rest = text.partition(":")
    name, _, zone = rest.rpartition(":")
    if not (number.isdigit() and name and zone):
        raise CommandError(f"--site {text!r}: write number, name and time zone, such as {FIRST_SITE}.")
    return int(number), name, zone
