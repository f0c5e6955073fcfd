"""The Celery application: `celery -A config.celery worker`."""

import os
from typing import Any

from celery import Celery
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


# Whoever sends a task has somebody waiting: a broker that is away or hangs is given a second, for the sweep
# enqueues later. Workers wait for their broker as long as it takes.
IMPATIENT = {"max_retries": 0, "interval_start": 0, "socket_timeout": 1.0, "socket_connect_timeout": 1.0}
PATIENCE = 5.0  # seconds for an embedded broker to start


class ScreentrialCelery(Celery):
    """Celery that starts the embedded broker at the first connection when none is configured."""

    def connection_for_write(self, url: str | None = None, **kwargs: Any) -> Connection:
        kwargs["transport_options"] = IMPATIENT | (kwargs.get("transport_options") or {})
        return super().connection_for_write(url or broker_url(PATIENCE), **kwargs)

    def connection_for_read(self, url: str | None = None, **kwargs: Any) -> Connection:
        return super().connection_for_read(url or broker_url(), **kwargs)


def broker_url(patience: float | None = None) -> str:
    """Return CELERY_BROKER_URL, or the URL of the embedded Valkey, started if need be within some seconds."""
    from django.conf import settings

    if settings.CELERY_BROKER_URL:
        return settings.CELERY_BROKER_URL
    from config.embedded.valkey import ensure_valkey

    return ensure_valkey(settings.VAR, patience)


app = ScreentrialCelery("screentrial")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
