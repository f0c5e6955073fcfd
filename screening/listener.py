"""C-STORE and C-ECHO: films sent by DICOM's own protocol, from devices on the list (PS3.4 annexes A and B).

pynetdicom holds a whole object in memory and reads whatever length a caller announces, so what comes over the
wire is counted before it is read: a caller that announces too much, sends too much or sends too slowly loses
its connection, and with it nothing was received.
"""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections
from pydicom import uid as uids
from pynetdicom import AE, _config, evt

from screening import arrivals
from screening.dicom import LARGEST_FILE, TRANSFER_SYNTAXES
from screening.models import Device
from screening.services import devices
from screening.statuses import OUT_OF_RESOURCES, PROCESSING_FAILURE, SUCCESS, failure_of
from screening.vocabulary import RefusalReason
from trial import audit
from trial.services.trials import Refused

logger = logging.getLogger(__name__)

SOURCE = "dicom"
VERIFICATION = "1.2.840.10008.1.1"
# The last two are never scored; they are taken so that their sender is answered and they are counted.
KINDS = (
    uids.ComputedRadiographyImageStorage,
    uids.DigitalXRayImageStorageForPresentation,
    uids.DigitalXRayImageStorageForProcessing,
    uids.SecondaryCaptureImageStorage,
)
UNCOMPRESSED = (uids.ExplicitVRLittleEndian, uids.ImplicitVRLittleEndian)

LARGEST_PDU = 2**18  # bytes, of what we ask for and of any other message
HEADROOM = 2**22  # bytes of an association beyond its film: its messages and their headers
SILENCE = 30.0  # seconds without a byte, or for one message to come whole
SLOWEST_FILM = 600.0  # seconds from one film of an association to the next
MOST_ASSOCIATIONS = 10
# Rejected for good, by the user of the service: calling, or called, AE title not recognized (PS3.8 table 9-21).
REJECTIONS = {RefusalReason.UNKNOWN_DEVICE: (1, 1, 3), RefusalReason.WRONG_TITLE: (1, 1, 7)}


class TooMuch(OSError):
    """A caller that announces or sends more than a film, or too slowly."""


class Wire:
    """Reads from a caller's socket under limits."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self.begin()

    def begin(self) -> None:
        """Count from here: a film is through."""
        self._bytes, self._since = 0, time.monotonic()

    def recv(self, count: int) -> bytearray:
        """Return `count` bytes, fewer when the caller has gone."""
        self._bytes += count
        late = self._since + SLOWEST_FILM
        if count > LARGEST_PDU or self._bytes > LARGEST_FILE + HEADROOM or time.monotonic() > late:
            logger.warning("a caller announced or sent too much, or too slowly: its connection is closed")
            raise TooMuch
        data, deadline = bytearray(), time.monotonic() + SILENCE
        while len(data) < count and (piece := self._piece(count - len(data), deadline)):
            data += piece
        self._wire.settimeout(SILENCE)
        return data

    def _piece(self, count: int, deadline: float) -> bytes:
        self._wire.settimeout(max(deadline - time.monotonic(), 0.001))
        return self._wire.recv(count)


def start(title: str, address: str, port: int) -> AE:
    """Start listening in threads of their own; raises OSError where the port can't be had."""
    _config.LOG_HANDLER_LEVEL = "none"  # it logs UIDs
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    entity = AE(ae_title=title)
    entity.maximum_pdu_size = LARGEST_PDU // 2
    entity.maximum_associations = MOST_ASSOCIATIONS
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = SILENCE
    # Uncompressed first: what a sender offers and we prefer is what it converts to.
    syntaxes = [*UNCOMPRESSED, *sorted(TRANSFER_SYNTAXES - set(UNCOMPRESSED))]
    for kind in KINDS:
        entity.add_supported_context(kind, syntaxes)
    entity.add_supported_context(VERIFICATION)
    handlers: list[Any] = [
        (evt.EVT_CONN_OPEN, _limit),
        (evt.EVT_REQUESTED, _admit),
        (evt.EVT_C_ECHO, lambda event: SUCCESS),
        (evt.EVT_C_STORE, _store),
        (evt.EVT_RELEASED, _leave),
        (evt.EVT_ABORTED, _leave),
    ]
    entity.start_server((address, port), block=False, evt_handlers=handlers)
    return entity


def _limit(event: evt.Event) -> None:
    association: Any = event.assoc  # keeps what we have to know of it
    caller = association.dul.socket
    association.wire = Wire(caller.socket)
    caller.recv = association.wire.recv


@contextmanager
def _way_in() -> Iterator[None]:
    """Mark what is written as come by a command; a connection that was lost since the last film is made anew."""
    close_old_connections()
    with audit.entry("command"):
        yield


def _leave(_event: evt.Event | None = None) -> None:
    """Leave no connection to the thread of an association that ends."""
    connections.close_all()


def _admit(event: evt.Event) -> None:
    """Turn away whoever isn't on the list, and remember who called."""
    association: Any = event.assoc
    caller = association.requestor
    title, called = caller.primitive.calling_ae_title, caller.primitive.called_ae_title
    try:
        with _way_in():
            device = devices.device_of(title.strip(), caller.address)
            association.device = device
            wrong = called.strip() != association.acceptor.ae_title.strip()
            reason = RefusalReason.WRONG_TITLE if wrong else None if device else RefusalReason.UNKNOWN_DEVICE
            if reason:
                known = devices.note_refusal(title, caller.address, reason=reason)
                logger.warning("refused %s: %s", known, reason.value)
    except DatabaseError as error:
        logger.error("a caller is put off: %s", type(error).__name__)
        _reject(event, (2, 3, 1))  # for now: temporary congestion
        return
    if reason:
        _reject(event, REJECTIONS[reason])


def _reject(event: evt.Event, why: tuple[int, int, int]) -> None:
    event.assoc.acse.send_reject(*why)
    event.assoc.kill()
    _leave()


def _store(event: evt.Event) -> int:
    """Take one film; anything but success leaves it with its sender."""
    association: Any = event.assoc
    device: Device = association.device
    try:
        with _way_in():
            return _take(event.encoded_dataset(), device)
    except (Refused, DatabaseError) as error:
        # What the database says may quote a row.
        logger.error("a film of device %s was not taken: %s", device.pk, type(error).__name__)
        return OUT_OF_RESOURCES
    except Exception as error:
        logger.error("a film of device %s failed: %s", device.pk, type(error).__name__)
        return PROCESSING_FAILURE
    finally:
        association.wire.begin()


def _take(data: bytes, device: Device) -> int:
    answer = arrivals.take(data, site=device.site, source=SOURCE, by=None, device=device)
    return failure_of(answer.outcome, answer.reason)
