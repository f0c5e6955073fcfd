"""What an import would do, row by row, before it does anything; then the same written in one transaction."""

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from django.db import IntegrityError

from screening.importing.table import Row, Table, TableRefused
from trial import audit, clock
from trial.canonical import checksum
from trial.forms import PageForm, plain
from trial.models import Participant, Site, Trial, TrialKind, User
from trial.roles import Permission
from trial.services import people
from trial.services.trials import Refused
from trial.study_numbers import check

Track = Callable[[Iterable[Any], str], Iterable[Any]]
NUMBER, ISSUER, STUDY_NUMBER = "number", "issuer", "study_number"
WHO = (ISSUER, NUMBER, STUDY_NUMBER)
WHY = "import"


class Verdict(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class RowRefused(Exception):
    """A row that is left out: a code for programs and a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason, self.message = reason, message
        super().__init__(message)


@dataclass(frozen=True)
class Entry:
    """A row that could be read: whose it is (None: nobody registered yet) and what it says."""

    line: int
    participant: Participant | None
    fact: Any

    @property
    def who(self) -> Participant:
        """Return the participant of a row about somebody registered."""
        assert self.participant is not None
        return self.participant


@dataclass(frozen=True)
class Judgment:
    """What becomes of one line of the file, why, and the entry that is to be written."""

    line: int
    verdict: Verdict
    reason: str = ""
    message: str = ""
    entry: Entry | None = None


@dataclass(frozen=True)
class Plan:
    """The judgments of all rows in the order of the file."""

    judgments: tuple[Judgment, ...]

    def of(self, *verdicts: Verdict) -> list[Judgment]:
        """Return the lines with these verdicts."""
        return [j for j in self.judgments if j.verdict in verdicts]

    def counts(self) -> dict[str, int]:
        """Return how many rows have each verdict."""
        found = Counter(j.verdict for j in self.judgments)
        return {str(verdict): found[verdict] for verdict in Verdict}

    @property
    def sha256(self) -> str:
        """Return a hash of what is said of each line, by which two plans of one file are told apart."""
        return checksum([[j.line, j.verdict, j.reason, j.message] for j in self.judgments])


class MovedOn(Exception):
    """The record is not what it was when the plan was shown; `plan` is what would be done now."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        super().__init__()


class Kind(ABC):
    """A kind of fact: its columns, how a row is read, compared with the record, and written."""

    name: ClassVar[str]
    permission: ClassVar[Permission] = Permission.IMPORT_CLINICAL
    recorded_only: ClassVar[bool] = False  # what a trial run here makes itself and never takes from outside
    registers: ClassVar[bool] = False  # rows of people not registered yet are welcome
    extra: ClassVar[tuple[str, ...]] = ()  # columns beside those of the form

    def __init__(self, trial: Trial, site: Site) -> None:
        self.trial, self.site = trial, site
        # One form, filled in again for each row: making a form takes longer than checking a row.
        self.form = self.make_form()
        self.form.is_bound = True

    @classmethod
    def words(cls) -> str:
        """Return the kind's name as people read it."""
        return cls.name.replace("_", " ").replace("dxa", "DXA")

    @classmethod
    def fits(cls, trial: Trial) -> bool:
        """Tell whether such rows may come into a trial at all."""
        return not cls.recorded_only or trial.kind == TrialKind.RECORDED

    @abstractmethod
    def make_form(self) -> PageForm:
        """Return the form whose fields are the columns."""

    @abstractmethod
    def read(self, cells: dict[str, str], participant: Participant | None) -> Any:
        """Return what a row says, a value that compares equal to the same said again; raise RowRefused."""

    @abstractmethod
    def key(self, entry: Entry) -> Hashable:
        """Return what a row is about; two rows about the same must agree."""

    @abstractmethod
    def load(self, participants: Sequence[Participant]) -> None:
        """Fetch what is on record about these people, in bulk."""

    @abstractmethod
    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        """Return the verdict and what changes, in words; raise RowRefused."""

    @abstractmethod
    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        """Write entries through the services."""

    def settle(self, judged: dict[int, Judgment]) -> dict[int, Judgment]:
        """Return the judgments that all rows together change, by line."""
        return {}

    def required(self) -> list[str]:
        """Return the columns without which the file can't be meant."""
        return [name for name, field in self.form.fields.items() if field.required]

    def any_of(self) -> Sequence[str]:
        """Return columns of which at least one must be there; none: no such demand."""
        return []

    def columns(self) -> list[str]:
        """Return all columns of this kind."""
        return [*(n for n in WHO if n not in self.form.fields), *self.form.fields, *self.extra]

    def dated(self, cells: dict[str, Any], participant: Participant | None) -> dict[str, Any]:
        """Return the clean values of a form whose dates can't lie after today at the participant's site."""
        self.form.today = clock.today(participant.site if participant else self.site)  # type: ignore[attr-defined]
        return self.filled(cells)

    def filled(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return the form's clean values of a row; raise RowRefused with the messages that the page shows."""
        self.form.data = cells
        self.form.full_clean()
        if self.form.errors:
            raise RowRefused("invalid", " ".join(_sentences(self.form)))
        return self.form.cleaned_data


def make_plan(kind: Kind, table: Table, *, track: Track) -> Plan:
    """Judge every row; raise TableRefused when a column is missing or unknown, or the trial takes no such rows."""
    check_columns(kind, table)
    finder = Finder(kind, table)
    kind.load(list(finder.found.values()))
    judged: dict[int, Judgment] = {}
    entries = []
    for row in track(table.rows, "rows checked"):
        try:
            entries.append(_read(kind, finder, row))
        except RowRefused as no:
            judged[row.line] = Judgment(row.line, Verdict.REFUSED, no.reason, no.message)
    for group in _groups(kind, entries):
        judged |= {j.line: j for j in _judge(kind, group)}
    judged |= kind.settle(judged)
    return Plan(tuple(judged[row.line] for row in table.rows))


def commit(kind: Kind, plan: Plan, *, by: User | None, track: Track, why: str = WHY) -> None:
    """Write what the plan calls new or changed; raise Refused when the record has moved on meanwhile."""
    with _all_or_nothing(), audit.context(by=by, why=why):
        _write(kind, plan, by, track)


def commit_shown(kind: Kind, table: Table, *, shown: str, by: User, why: str) -> Plan:
    """Write a plan that was shown (by its hash); raise MovedOn, having written nothing, when it is another one now.

    Whoever asks twice waits here, and finds the second time that everything is on record.
    """
    with _all_or_nothing(), audit.context(by=by, why=why):
        Trial.objects.select_for_update(no_key=True).get(pk=kind.trial.pk)
        plan = make_plan(kind, table, track=untold)
        if plan.sha256 != shown:
            raise MovedOn(plan)
        _write(kind, plan, by, untold)
    return plan


def untold(items: Iterable[Any], label: str) -> Iterable[Any]:
    """Track nothing."""
    return items


def _write(kind: Kind, plan: Plan, by: User | None, track: Track) -> None:
    new, changed = ([j.entry for j in plan.of(v) if j.entry] for v in (Verdict.NEW, Verdict.CHANGED))
    kind.write(new, changed, by=by, track=track)


@contextmanager
def _all_or_nothing() -> Iterator[None]:
    """Say in words that the database refused a row, and with it all."""
    try:
        yield
    except IntegrityError as error:
        said = "The record changed while the file was read, or does not allow this."
        raise Refused(f"{said} Nothing was written: run it again.") from error


def check_columns(kind: Kind, table: Table) -> None:
    """Refuse a file with a column that nothing would read, or without one that is needed."""
    if not kind.fits(kind.trial):
        raise TableRefused(
            f"Trial {kind.trial.code} is {kind.trial.kind}: what a file calls {kind.name} comes about in it by itself. "
            "Only a recorded trial takes it from a file. Nothing was read."
        )
    known = kind.columns()
    unknown = [name for name in table.columns if name not in known]
    missing = [name for name in kind.required() if name not in table.columns]
    if not {NUMBER, STUDY_NUMBER} & set(table.columns) and NUMBER not in missing:
        missing.insert(0, f"{NUMBER} (or {STUDY_NUMBER})")
    if kind.any_of() and not set(kind.any_of()) & set(table.columns):
        missing.append(f"{kind.any_of()[0]} (or another of its kind)")
    said = [f"Unknown column {_hinted(name, known)}." for name in unknown]
    said += [f"Column {name} is missing." for name in missing]
    if said:
        raise TableRefused(f"{' '.join(said)} Columns of {kind.name}: {', '.join(known)}. Nothing was read.")


class Finder:
    """Finds the people that rows name, with two queries for the whole file."""

    def __init__(self, kind: Kind, table: Table) -> None:
        self.trial, self.by_study_number = kind.trial, STUDY_NUMBER in table.columns
        rows = [row.cells for row in table.rows if not row.problem]
        numbers = {_number(cells) for cells in rows if cells.get(NUMBER)}
        self.by_number = people.participants_by_number(self.trial, sorted(numbers))
        self.by_study = _by_study_number({c[STUDY_NUMBER] for c in rows if c.get(STUDY_NUMBER)}, self.trial)
        sites = {site.pk: site for site in self.trial.sites.select_related("trial")}
        self.found: dict[UUID, Participant] = {}
        for participant in (*self.by_number.values(), *self.by_study.values()):
            participant.trial, participant.site = self.trial, sites[participant.site_id]
            self.found[participant.pk] = participant

    def find(self, cells: dict[str, str]) -> Participant | None:
        """Return the row's participant, None when nobody is registered; refuse a number that can't be."""
        study_number, number = cells.get(STUDY_NUMBER, ""), cells.get(NUMBER, "")
        if study_number and not check(study_number):
            said = f"{study_number!r} is no study number, or a digit of it is wrong. Copy it again."
            raise RowRefused("invalid", f"{STUDY_NUMBER}: {said}")
        if not (study_number or number):
            raise RowRefused("invalid", "The row names nobody. Give the hospital number.")
        by_number = self.by_number.get(_number(cells)) if number else None
        by_study = self.by_study.get(study_number)
        if study_number and number and (by_number and by_number.pk) != (by_study and by_study.pk):
            raise RowRefused(
                "two_people", "Study number and hospital number name different people. Check both."
            )
        return by_study if study_number else by_number


def _by_study_number(numbers: set[str], trial: Trial) -> dict[str, Participant]:
    return Participant.objects.filter(trial=trial).in_bulk(sorted(numbers), field_name=STUDY_NUMBER)


def _number(cells: dict[str, str]) -> tuple[str, str]:
    return plain(cells.get(ISSUER)), plain(cells.get(NUMBER))


def _read(kind: Kind, finder: Finder, row: Row) -> Entry:
    if row.problem:
        raise RowRefused("wrong_length", row.problem)
    participant = finder.find(row.cells)
    if participant is None and not kind.registers:
        said = f"Not registered: nobody is registered under this number in trial {kind.trial.code}."
        raise RowRefused("not_registered", f"{said} Check the number, or import the registration first.")
    return Entry(row.line, participant, kind.read(row.cells, participant))


def _groups(kind: Kind, entries: Iterable[Entry]) -> Iterable[list[Entry]]:
    groups: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[kind.key(entry)].append(entry)
    return groups.values()


def _judge(kind: Kind, group: list[Entry]) -> Iterable[Judgment]:
    """Judge the rows about one thing: the first one counts, and the others must repeat it."""
    first, *others = group
    if any(other.fact != first.fact for other in others):
        lines = ", ".join(str(entry.line) for entry in group)
        said = f"Lines {lines} say different things about the same. Keep the right one."
        return [Judgment(e.line, Verdict.REFUSED, "contradiction", said) for e in group]
    try:
        verdict, said = kind.compare(first)
        judged = Judgment(first.line, verdict, message=said, entry=first)
    except RowRefused as no:
        judged = Judgment(first.line, Verdict.REFUSED, no.reason, no.message)
    refused = judged.verdict is Verdict.REFUSED
    verdict = Verdict.REFUSED if refused else Verdict.UNCHANGED
    said = f"Repeats line {first.line}{', which is refused' if refused else ''}."
    return [judged, *(Judgment(e.line, verdict, "repeated", said) for e in others)]


def _sentences(form: PageForm) -> Iterable[str]:
    for name, messages in form.errors.items():
        said = " ".join(str(message) for message in messages)
        yield said if name == "__all__" else f"{name}: {said}"


def _hinted(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"{name!r} (did you mean {near[0]}?)" if near else repr(name)
