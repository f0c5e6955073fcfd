"""Pages as their readers see them: a signed-in browser, the words of a page, and a clock at noon."""

import html
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.test import Client

from trial import clock
from trial.models import User

TAIPEI = ZoneInfo("Asia/Taipei")


def browser(user: User) -> Client:
    """Return a browser in which somebody has signed in."""
    client = Client()
    client.force_login(user)
    return client


def words(response: HttpResponse) -> str:
    """Return what a page says, without its marks."""
    text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", html.unescape(text)).strip()


def set_clock(monkeypatch, *, hour: int = 12, days_later: int = 0) -> None:
    """Let every trial's clock stand at the last such hour in Taipei, whenever the suite runs.

    The database has a clock of its own, and takes no call that lies ahead of it.
    """
    real = clock.now

    def now(trial):
        local = real(trial).astimezone(TAIPEI)
        then = local.replace(hour=hour, minute=0, second=0, microsecond=0)
        return then + timedelta(days=days_later - (then > local))

    monkeypatch.setattr(clock, "now", now)
