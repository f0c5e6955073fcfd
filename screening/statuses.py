"""What senders are told in DICOM's own numbers, over either way in of the network.

Sources: PS3.4 table B.2-1 (C-STORE), PS3.18 tables I.2-1 and I.2-2 (STOW-RS). A film that is safe with us, set
aside or received before, is a success, or its sender would send it for ever; one that is not is a failure, so
that the sender keeps it.
"""

from screening.reasons import Reason
from screening.vocabulary import ReceiptOutcome

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
OUT_OF_RESOURCES = 0xA700
OTHER_CLASS = 0xA900
NOT_OF_THIS_KIND = 0xB007  # the warning "data set does not match SOP class" is the nearest to "set aside"
NOT_UNDERSTOOD = 0xC000
OTHER_SYNTAX = 0xC122

_FAILURES = {str(Reason.TRANSFER_SYNTAX): OTHER_SYNTAX, str(Reason.OTHER_STUDY): OTHER_CLASS}


def failure_of(outcome: ReceiptOutcome, reason: str) -> int:
    """Return why a film is not safe with us, SUCCESS when it is."""
    if outcome != ReceiptOutcome.REJECTED:
        return SUCCESS
    return _FAILURES.get(reason, NOT_UNDERSTOOD)
