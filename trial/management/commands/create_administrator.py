"""Make the first account: a system administrator, who makes all others on the pages."""

import secrets
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from trial import audit
from trial.management.base import TrialCommand
from trial.models import Membership, User
from trial.roles import Role
from trial.services import trials


class Command(TrialCommand):
    """Make the installation's first system administrator and print the password once."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the account."""
        parser.add_argument("username", metavar="USER")

    def handle(self, **options: Any) -> None:
        """Make the account, while there is nobody yet who could do it signed in."""
        username, role = options["username"], Role.SYSTEM_ADMINISTRATOR
        if held := Membership.objects.in_force().filter(role=role, trial=None, user__is_active=True).first():
            raise CommandError(f"{held.user} is system administrator: ask them to make the account.")
        if User.objects.filter(username__iexact=username).exists():
            raise CommandError(f"There is an account {username!r} already. Choose another name.")
        password = secrets.token_urlsafe(12)
        with audit.entry("command"), transaction.atomic():
            user = trials.create_account(username, password=password, name=username, by=None)
            trials.give_role(user, role=role, trial=None, by=None)
        self.stdout.write(f"Account {username} was made; its password, shown this once: {password}")
