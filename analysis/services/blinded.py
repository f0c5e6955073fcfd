"""The report of a freeze for whoever may not see its arms: both together, and by letter once the trial is locked.

Letters are told of one freeze a trial, the first that was made of the locked record. Two freezes could be compared:
who came or was corrected in between would show in the counts of a letter, and with one known arm tell the others.
"""

from collections.abc import Iterator

from analysis.document import Block, Document, Heading, Paragraph, Tabled
from analysis.models import Freeze
from analysis.scrambled import NotTold, lettered_tables, pooled_tables
from analysis.services.documents import IN_ENGLISH, drawing, status
from analysis.services.reports import Report, report
from analysis.tables import Table
from analysis.wording import Wording, translated
from trial.crypto import derived_key
from trial.models import ProtocolVersion
from trial.services.trials import Refused
from trial.states import ProtocolState, TrialState

BY_LETTER = (
    "The arms are named A and B by lot. By letter is told what was settled before anybody was allocated; what follows "
    "from an arm, and so would name it, is told of both together."
)


def blinded_document(frozen: Freeze, words: Wording = IN_ENGLISH) -> Document:
    """Lay out the report with the arms named A and B; refused where a letter would name its arm."""
    found = report(frozen)
    try:
        told = _by_letter(frozen, found)
    except NotTold as no:
        raise Refused(f"The arms can't be told by letter. {no}") from None
    blocks = (Paragraph(BY_LETTER), Heading("By letter"), *map(_tabled, told), *blinded_blocks(frozen))
    return translated(Document(frozen.trial.title, frozen.cut_off, tuple(status(frozen)), blocks), words)


def blinded_words(frozen: Freeze, words: Wording) -> None:
    """Let the words meet all that a blinded reader may be told: by letter only where that is not refused."""
    try:
        blinded_document(frozen, words)
    except Refused:
        for block in (Paragraph(BY_LETTER), Heading("By letter"), *blinded_blocks(frozen)):
            words.block(block)


def blinded_blocks(frozen: Freeze) -> Iterator[Block]:
    """Yield what is told of both arms together, whenever it was frozen."""
    found = report(frozen)
    yield Heading("Both arms together")
    if found.accrual:
        yield drawing("accrual", found)
        yield Tabled("accrual", found.tables["accrual"])
    for table in (*pooled_tables(found.rows, found.flow, frozen.conduct), found.tables["index_test"]):
        if table.rows:
            yield _tabled(table)


def _tabled(table: Table) -> Tabled:
    return Tabled(table.key, table)


def _by_letter(frozen: Freeze, found: Report) -> list[Table]:
    if frozen.conduct.get("trial_state") != TrialState.LOCKED:
        raise NotTold("They are once the trial is locked: freeze its record then.")
    of_locked = Freeze.objects.filter(trial=frozen.trial, conduct__trial_state=TrialState.LOCKED)
    first = of_locked.order_by("number").first()
    if first != frozen:
        raise NotTold(f"They are in {first}, and in no other: two could be compared.")
    if any(map(_unequal, frozen.trial.versions.filter(state__in=_IN_FORCE))):
        raise NotTold("The protocol allocates unequal shares, so that sizes would name the arms.")
    # From a secret of the installation: whoever knows who was drawn knows whose arm is A.
    key = derived_key(f"lettered report:{frozen.pk}")
    return lettered_tables(found.rows, key, tested=found.plan.baseline_tests)


_IN_FORCE = (ProtocolState.ACTIVE, ProtocolState.SUPERSEDED)


def _unequal(version: ProtocolVersion) -> bool:
    allocation = version.protocol.allocation
    return bool(allocation.dropped) or len({share for _, share in allocation.arms}) > 1
