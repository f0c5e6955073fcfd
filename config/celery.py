"""The Celery application: `celery -A config.celery worker`."""

import os
from typing import Any

from celery import Celery
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class ScreentrialCelery(Celery):
    """Celery that starts the embedded broker at the first connection when none is configured."""

    def connection_for_write(self, url: str | None = None, **kwargs: Any) -> Connection:
        return super().connection_for_write(url or broker_url(), **kwargs)

    def connection_for_read(self, url: str | None = None, **kwargs: Any) -> Connection:
        return super().connection_for_read(url or broker_url(), **kwargs)


def broker_url() -> str:
    """Return CELERY_BROKER_URL, or the URL of the embedded Valkey, started if need be."""
    from django.conf import settings

    if settings.CELERY_BROKER_URL:
        return settings.CELERY_BROKER_URL
    from config.embedded.valkey import ensure_valkey

    return ensure_valkey(settings.VAR)


app = ScreentrialCelery("screentrial")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
