"""Who may send films, and what of them a site may send."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from screening.vocabulary import (
    RefusalReason,
)
from trial.models import (
    Clinical,
    Site,
    User,
    choices,
    tracked,
)
from trial.roles import Permission


@tracked()
class Device(Clinical):
    """A machine that may send films over the network, known by its AE title and where it calls from."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "site__trial"
    SITE_PATH = "site"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="devices")
    name = models.CharField(max_length=60, help_text="As people at the site call it.")
    ae_title = models.CharField("AE title", max_length=16)
    address = models.CharField(max_length=43, help_text="An IP address, or a network such as 10.1.2.0/24.")
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Since when it may send no more.")

    class Meta:
        ordering = ["site", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["ae_title", "address"],
                condition=Q(ended_at__isnull=True),
                name="one_active_device_a_caller",
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(ae_title=""), name="a_device_has_its_names"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.ae_title}, {self.address})"


class RefusedCaller(models.Model):
    """Who called the DICOM listener and was turned away: not a record, only the newest are kept."""

    ae_title = models.CharField(max_length=16, blank=True)
    address = models.GenericIPAddressField()
    reason = models.CharField(max_length=20, choices=choices(RefusalReason))
    first_seen = models.DateTimeField(db_default=Now())
    last_seen = models.DateTimeField(db_default=Now())
    count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-last_seen"]
        constraints = [models.UniqueConstraint(fields=["ae_title", "address"], name="a_refused_caller_once")]

    def __str__(self) -> str:
        return f"{self.ae_title or 'no AE title'} at {self.address}"


@tracked()
class SiteIntake(Clinical):
    """What a site may send beyond what every site may; without a row, nothing."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "site__trial"
    SITE_PATH = "site"

    site = models.OneToOneField(Site, on_delete=models.PROTECT, related_name="intake")
    secondary_capture = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"intake of {self.site}"
