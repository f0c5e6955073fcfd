"""The trial's own clock: the real one, or in a demonstration one that stands some days behind."""

from datetime import date, datetime, timedelta

from django.utils import timezone

from trial.models import Site, Trial


def now(trial: Trial) -> datetime:
    """Return the present moment of `trial` in UTC."""
    return timezone.now() - timedelta(days=trial.clock_offset_days)


def today(site: Site) -> date:
    """Return the present local date at `site`."""
    return site.local(now(site.trial)).date()
