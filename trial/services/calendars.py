"""The working days of a site: its calendar, the days out of turn that its staff enter, the protocol's weekdays."""

from datetime import date

from django.core.exceptions import ValidationError

from trial import audit
from trial.calendars import Calendar, Opening, OwnDay
from trial.models import Site, SiteDay, User
from trial.protocol_parts import Contact
from trial.roles import Permission
from trial.services.trials import Refused, require, require_unlocked


def calendar_of(site: Site, contact: Contact) -> Calendar:
    """Return the working days of a site under a protocol's weekdays."""
    own = {row.day: OwnDay(Opening(row.opening), row.reason) for row in site.days.all()}
    return Calendar(contact.days, site.calendar, own)


def name_calendar(site: Site, *, calendar: str, by: User) -> Site:
    """Name the calendar whose public holidays are days off at a site."""
    require(by, Permission.KEEP_CALENDAR, site.trial, site)
    with audit.context(by=by, why=f"The calendar of {site} is {calendar}"):
        site = Site.objects.select_for_update(of=("self",)).select_related("trial").get(pk=site.pk)
        require_unlocked(site.trial)
        site.calendar = calendar
        try:
            site.clean_fields()
        except ValidationError as fault:
            raise Refused(" ".join(fault.messages)) from None
        site.save(update_fields=["calendar"])
    return site


def set_day(site: Site, *, day: date, opening: Opening, reason: str, by: User) -> SiteDay:
    """Say that a site is closed or open on a day out of turn; said again, the last word counts."""
    require(by, Permission.KEEP_CALENDAR, site.trial, site)
    if not reason.strip():
        raise Refused("Write why: it is shown to whoever plans a call on this day.")
    with audit.context(by=by, why=f"{site} is {opening} on {day}: {reason}"):
        require_unlocked(site.trial)
        said = {"opening": opening, "reason": reason.strip()}
        return SiteDay.objects.update_or_create(site=site, day=day, defaults=said)[0]
