"""What the commands ask for in the same way: a trial by its code and one of its sites."""

from collections.abc import Iterable

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trial.models import Site, Trial, User
from trial.roles import Permission
from trial.services.trials import Refused, require

WHOLE_CALL_REFUSED = 2  # exit code, as of a wrong argument


def add_trial(parser: CommandParser) -> None:
    """Add --trial and --site."""
    parser.add_argument("--trial", required=True, metavar="CODE", help="the trial's code")
    parser.add_argument("--site", type=int, metavar="N", help="the site's number (lowest by default)")


def add_by(parser: CommandParser) -> None:
    """Add --by."""
    parser.add_argument(
        "--by", metavar="USER", help="account in whose name this is done (by default the system's)"
    )


def user_of(username: str | None, permission: Permission, sites: Iterable[Site]) -> User | None:
    """Return the account in whose name a command works, None for the system; refuse one that may not there."""
    if username is None:
        return None
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no account {username!r} (--by).", returncode=WHOLE_CALL_REFUSED)
    for site in sites:
        try:
            require(user, permission, site.trial, site)
        except Refused:
            said = f"The account {username!r} (--by) lacks the permission “{permission.words}” for {site}."
            raise CommandError(f"{said} Nothing was taken.", returncode=WHOLE_CALL_REFUSED) from None
    return user


def site_of(command: BaseCommand, code: str, number: int | None, *, tell: bool = True) -> Site:
    """Return the site to work for; tell which one was taken where several could be meant."""
    trial = Trial.objects.filter(code=code).first()
    if trial is None:
        known = ", ".join(Trial.objects.order_by("code").values_list("code", flat=True))
        said = f"There is no trial {code!r}."
        raise CommandError(
            f"{said} Trials here: {known}."
            if known
            else f"{said} No trial was set up yet: see create_trial.",
            returncode=WHOLE_CALL_REFUSED,
        )
    sites = list(trial.sites.select_related("trial").order_by("number"))
    if not sites:
        raise CommandError(f"Trial {code} has no site yet. Add one.", returncode=WHOLE_CALL_REFUSED)
    chosen = [site for site in sites if number in (None, site.number)]
    if not chosen:
        known = ", ".join(str(site.number) for site in sites)
        raise CommandError(
            f"Trial {code} has no site {number}. Sites: {known}.", returncode=WHOLE_CALL_REFUSED
        )
    if len(chosen) > 1 and tell:
        command.stderr.write(f"Trial {code} has {len(sites)} sites; taken: {chosen[0]} (see --site).")
    return chosen[0]
