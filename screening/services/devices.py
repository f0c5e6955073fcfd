"""Which machines may send films over the network, and who was turned away."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.db import IntegrityError
from django.db.models import F, QuerySet
from django.utils import timezone

from screening.models import Device, RefusedCaller
from screening.vocabulary import RefusalReason
from trial import audit
from trial.models import Site, TrialKind, User
from trial.roles import Permission
from trial.services.trials import Refused, require, require_unlocked

LONGEST_TITLE = 16  # DICOM PS3.5, value representation AE
MOST_CALLERS = 200  # whoever scans the network must not fill the table


def sites_to_send_for(user: User, permission: Permission = Permission.UPLOAD_FILMS) -> QuerySet[Site]:
    """Return the sites for which a user may send films; those of recorded trials were all read long ago."""
    sites = (
        Site.objects.visible_to(user, permission).select_related("trial").order_by("trial__code", "number")
    )
    return sites.exclude(trial__kind=TrialKind.RECORDED)


def device_of(ae_title: str, address: str) -> Device | None:
    """Return the active device that a caller is, by its title and the narrowest network it calls from."""
    called_from = _plain(address)
    active = Device.objects.filter(ae_title=ae_title, ended_at=None).select_related("site__trial")
    found = [device for device in active if called_from in ip_network(device.address)]
    return max(found, key=lambda device: ip_network(device.address).prefixlen, default=None)


def note_refusal(ae_title: str, address: str, *, reason: RefusalReason) -> RefusedCaller:
    """Count one more call of somebody who was turned away; who called longest ago is forgotten."""
    caller, new = RefusedCaller.objects.get_or_create(
        ae_title=clean_title(ae_title), address=str(_plain(address)), defaults={"reason": reason}
    )
    seen = {"count": F("count") + 1, "last_seen": timezone.now(), "reason": reason}
    RefusedCaller.objects.filter(pk=caller.pk).update(**seen)
    if new:
        kept = RefusedCaller.objects.order_by("-last_seen").values("pk")[:MOST_CALLERS]
        RefusedCaller.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
    return caller


def add_device(site: Site, *, name: str, ae_title: str, address: str, by: User) -> Device:
    """Let a machine send films for a site; the calls it was refused before are forgotten."""
    require(by, Permission.KEEP_DEVICES, site.trial, site)
    title, network = ae_title.strip(), _network(address)
    if not title or title != clean_title(title):
        raise Refused(f"{ae_title!r} is no AE title: it has 1 to {LONGEST_TITLE} plain letters or digits.")
    if not name.strip():
        raise Refused("Give the device a name, as people at the site call it.")
    try:
        with audit.context(by=by, why=f"{name.strip()} may send films for {site}"):
            require_unlocked(site.trial)
            added = Device.objects.create(
                site=site, name=name.strip(), ae_title=title, address=network, added_by=by
            )
    except IntegrityError as error:
        raise Refused(f"A device {title} at {network} may send already. End that one first.") from error
    callers = RefusedCaller.objects.filter(ae_title=title, reason=RefusalReason.UNKNOWN_DEVICE)
    known = [caller.pk for caller in callers if ip_address(caller.address) in ip_network(network)]
    RefusedCaller.objects.filter(pk__in=known).delete()
    return added


def end_device(device: Device, *, reason: str, by: User) -> Device:
    """Let a device send no more, from its next call on; what it sent stays."""
    require(by, Permission.KEEP_DEVICES, device.site.trial, device.site)
    if not reason.strip():
        raise Refused("Write why: it stays on record.")
    with audit.context(by=by, why=f"{device.name} sends no more: {reason.strip()}"):
        device = (
            Device.objects.select_for_update(of=("self",)).select_related("site__trial").get(pk=device.pk)
        )
        require_unlocked(device.site.trial)
        if device.ended_at:
            raise Refused(f"{device.name} sends no more already.")
        device.ended_at = datetime.now(UTC)
        device.save(update_fields=["ended_at"])
    return device


def clean_title(text: str) -> str:
    """Return an AE title as it may be shown: printable ASCII, 16 characters at most, no backslash (PS3.5)."""
    shown = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text.strip())
    return shown[:LONGEST_TITLE].strip()


def _plain(address: str) -> IPv4Address | IPv6Address:
    """Return an address; one of IPv4 that came through a socket of IPv6 is what it was."""
    found = ip_address(address)
    return getattr(found, "ipv4_mapped", None) or found


def _network(text: str) -> str:
    try:
        network = ip_network(text.strip())
    except ValueError as fault:
        raise Refused(f"{fault}. Write an IP address, or a network such as 10.1.2.0/24.") from None
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
