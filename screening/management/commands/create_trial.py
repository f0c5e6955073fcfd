"""Set up a trial from a protocol template, with its sites and the demonstration model."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from screening.manifests import ModelRefused
from screening.models import ModelVersion
from screening.services import setup
from trial import audit
from trial.allocation_rules import Method
from trial.management.base import TrialCommand
from trial.models import Trial, TrialKind, User
from trial.protocol import Protocol, template_names
from trial.roles import Role
from trial.services import delegation, protocols, signatures, trials
from trial.services.trials import Refused
from trial.study_numbers import FORM

FIRST_SITE = "1:First site:Asia/Taipei"
NO_PATIENTS = "none: no patient of this trial is contacted"
ON_RECORD = "What was drawn is on record and not to be drawn again."
NEXT = (
    "The system administrator now gives its roles, under Accounts; the investigator signs the delegation log; the "
    "coordinator drafts the protocol on the trial's page and tries it there on test data (or by try_protocol)."
)


class Command(TrialCommand):
    """Make a draft trial; outside live trials, with two accounts named, open it with a protocol in force."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the trial, its protocol, its sites and who answers for it."""
        parser.add_argument("code", metavar="CODE", help="2 to 12 capital letters and digits, a letter first")
        parser.add_argument("--title", required=True)
        parser.add_argument("--template", default="opscan", choices=template_names())
        parser.add_argument(
            "--model",
            metavar="NAME-VERSION",
            help="a registered model version (default: the demonstration's)",
        )
        kinds = [kind.value for kind in TrialKind if kind != TrialKind.TEST]  # made by try_protocol
        parser.add_argument("--kind", default=TrialKind.LIVE, choices=kinds)
        parser.add_argument(
            "--site", action="append", metavar="N:NAME:ZONE", help=f"may be repeated (default {FIRST_SITE})"
        )
        parser.add_argument(
            "--waiver", default="", help="reference of the waiver of consent, if there is one"
        )
        parser.add_argument(
            "--by",
            metavar="USER",
            help="account of the coordinator, who drafts the protocol; not for a live trial",
        )
        parser.add_argument(
            "--approved-by", metavar="USER", help="another account, of the investigator; not for a live trial"
        )

    def handle(self, **options: Any) -> None:
        """Set the trial up, all of it or nothing."""
        named = [options["by"], options["approved_by"]]
        if any(named) and options["kind"] == TrialKind.LIVE:
            raise CommandError(f"A live trial is opened by people signed in, not by a command. {NEXT}")
        if any(named) and not all(named):
            raise CommandError(
                "Name both accounts, of the coordinator (--by) and the investigator (--approved-by)."
            )
        try:
            with audit.entry("command"), transaction.atomic():
                trial = self._create(**options)
                if all(named):
                    self._open(trial, *(self._user(name) for name in named), **options)
        except (Refused, ModelRefused) as no:
            raise CommandError(str(no)) from None
        except ValidationError as no:
            raise CommandError(" ".join(no.messages)) from None
        self._say(trial, opened=all(named))

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

    def _open(self, trial: Trial, author: User, approver: User, **options: Any) -> None:
        """Let the played staff sign, draft and approve, as people do on the pages of a live trial."""
        trials.give_role(approver, role=Role.INVESTIGATOR, trial=trial, by=None)
        entry = trials.give_role(author, role=Role.COORDINATOR, trial=trial, by=None)
        delegation.sign_entry(entry, by=approver, password=None)
        version = protocols.draft_protocol(trial, protocol=_protocol(**options), by=author)
        signatures.sign(version, by=author, password=None)
        setup.put_in_force(protocols.approve_protocol(version, by=approver), by=approver)

    def _say(self, trial: Trial, *, opened: bool) -> None:
        sites = ", ".join(str(site) for site in trial.sites.order_by("number"))
        self.stdout.write(f"Trial {trial.code} ({trial.kind}) with {sites}.")
        first = f"import_dicom PATH --trial {trial.code}"
        if trial.kind == TrialKind.RECORDED:
            first = "open “Import from CSV” on its page, or see import_clinical"
        self.stdout.write(f"Its protocol is in force: {first}" if opened else NEXT)

    def _user(self, username: str) -> User:
        """Return an account; it is made if need be, its password printed once."""
        user = User.objects.filter(username=username).first()
        if user is None:
            password = secrets.token_urlsafe(12)
            user = trials.create_account(username, password=password, name=username, by=None)
            self.stdout.write(f"Account {username} was made; its password, shown this once: {password}")
        return user


def _protocol(**options: Any) -> Protocol:
    model = _model(options["model"]) if options["model"] else None
    protocol = setup.from_template(options["template"], waiver=options["waiver"] or NO_PATIENTS, model=model)
    if options["kind"] == TrialKind.RECORDED:
        protocol = protocol.amended({"allocation.method": Method.UPLOADED_LIST.value}, note=ON_RECORD)
    if open_places := protocol.approval_problems():
        raise CommandError(" ".join(map(str, open_places)))
    return protocol


def _model(called: str) -> ModelVersion:
    name, _, version = called.rpartition("-")
    if found := ModelVersion.objects.filter(name=name, version=version).first():
        return found
    known = ", ".join(f"{m.name}-{m.version}" for m in ModelVersion.objects.order_by("name", "version"))
    raise CommandError(f"There is no model {called!r}. Registered: {known or 'none; see register_model'}.")


def _site(text: str) -> tuple[int, str, str]:
    number, _, rest = text.partition(":")
    name, _, zone = rest.rpartition(":")
    if not (number.isdigit() and name and zone):
        raise CommandError(f"--site {text!r}: write number, name and time zone, such as {FIRST_SITE}.")
    return int(number), name, zone
