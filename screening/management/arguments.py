"""What the commands ask for in the same way: a trial by its code and one of its sites."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trial.models import Site, Trial

WHOLE_CALL_REFUSED = 2  # exit code, as of a wrong argument


def add_trial(parser: CommandParser) -> None:
    """Add --trial and --site."""
    parser.add_argument("--trial", required=True, metavar="CODE", help="the trial's code")
    parser.add_argument("--site", type=int, metavar="N", help="the site's number (lowest by default)")


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
