"""Rows about people: registrations, baseline history, vital status."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from screening.headers import person_name
from screening.importing.plan import WHY, Entry, Kind, RowRefused, Track, Verdict
from screening.services import referral
from screening.services.held_films import release_held
from trial.forms import HistoryForm, PageForm, RegistrationForm, VitalStatusForm, plain
from trial.models import Baseline, Participant, Site, User
from trial.partial_dates import PartialDate
from trial.services import people
from trial.services.people import Identity, NewPerson

ANSWERS = {True: "yes", False: "no"}


class Arrival(NamedTuple):
    """A person to be registered, and the site where."""

    person: NewPerson
    site: Site


class Registration(Kind):
    """Who people are: registers new ones, completes or corrects those on record."""

    name = "registration"
    registers = True
    extra = ("site",)
    form: RegistrationForm

    def make_form(self) -> PageForm:
        return RegistrationForm(today=None)  # type: ignore[arg-type]  # the day is set for each row

    def load(self, participants: Sequence[Participant]) -> None:
        self.identities: dict[UUID, Identity] = people.reveal_all(participants, by=None)
        self.sites = {str(site.number): site for site in self.trial.sites.select_related("trial")}

    def read(self, cells: dict[str, str], participant: Participant | None) -> Arrival:
        self.dated(cells, participant)
        stated = plain(cells.get("site")).lstrip("0")
        site = self.sites.get(stated) if stated else self.site
        if site is None:
            known = ", ".join(self.sites)
            raise RowRefused("invalid", f"site: {stated!r} is no site of this trial. Sites: {known}.")
        if stated and participant and participant.site_id != site.pk:
            said = (
                f"Registered at site {participant.site.number}; an import doesn't move people between sites."
            )
            raise RowRefused("other_site", said)
        person = self.form.person()
        return Arrival(replace(person, name=person_name(person.name)), site)  # as a film's name is read

    def key(self, entry: Entry) -> Hashable:
        return entry.fact.person.issuer, entry.fact.person.number

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        if entry.participant is None:
            return Verdict.NEW, ""
        identity, new = self.identities[entry.participant.pk], entry.fact.person
        if not identity.readable:
            raise RowRefused("identity_erased", "This person's identity was erased. It is not written again.")
        found = people.differences(entry.participant, identity, new)
        if {"sex", "birth date"} <= set(found) and entry.participant.sex and entry.participant.birth_date:
            said = "Sex and birth date both differ from the registration: this looks like another person."
            raise RowRefused("another_person", f"{said} Check the number, or correct the person's own page.")
        return (Verdict.CHANGED, ", ".join(found)) if found else (Verdict.UNCHANGED, "")

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        arrivals: dict[UUID, list[Arrival]] = defaultdict(list)
        for entry in new:
            arrivals[entry.fact.site.pk].append(entry.fact)
        known = [(entry.who, entry.fact.person) for entry in changed]
        for group in track(arrivals.values(), "sites written"):
            persons = [arrival.person for arrival in group]
            # Some are known already, from another trial or a film set aside, perhaps by name alone.
            incomplete = set(people.known_before(self.trial, persons))
            made = people.register_all(group[0].site, people=persons, by=by)
            known += [(p, new) for p, new in zip(made, persons, strict=True) if new in incomplete]
        people.complete_all(known, by=by, why=WHY)
        release_held(self.trial, by=by)


class History(Kind):
    """The baseline variables of Table 1; an empty cell says nothing, `unknown` takes an answer back."""

    name = "history"
    form: HistoryForm

    def make_form(self) -> PageForm:
        return HistoryForm()

    def any_of(self) -> Sequence[str]:
        return list(self.form.fields)

    def load(self, participants: Sequence[Participant]) -> None:
        rows = Baseline.objects.filter(participant__in=participants)
        self.baselines = {row.participant_id: row for row in rows}

    def read(self, cells: dict[str, str], participant: Participant | None) -> dict[str, Any]:
        on_record = self.baselines[participant.pk] if participant else Baseline()
        # What is on record is checked together with what the row adds, as on the page.
        typed = {name: _typed(getattr(on_record, name)) for name in self.form.fields}
        said = {name: cells[name] for name in self.form.fields if cells.get(name)}
        self.filled(typed | said)
        return {name: value for name, value in self.form.values().items() if name in said}

    def key(self, entry: Entry) -> Hashable:
        return entry.participant

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        on_record = self._baseline(entry)
        found = [name for name, value in entry.fact.items() if getattr(on_record, name) != value]
        if not found:
            return Verdict.UNCHANGED, ""
        first_time = all(getattr(on_record, name) is None for name in found)
        return (Verdict.NEW, "") if first_time else (Verdict.CHANGED, ", ".join(found))

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        for entry in track([*new, *changed], "rows written"):
            for name, value in entry.fact.items():
                setattr(self._baseline(entry), name, value)
        fields = sorted({name for entry in (*new, *changed) for name in entry.fact})
        baselines = [self._baseline(entry) for entry in (*new, *changed)]
        people.record_baselines(baselines, fields=fields, by=by, why=WHY)

    def _baseline(self, entry: Entry) -> Baseline:
        return self.baselines[entry.who.pk]


def _typed(value: Any) -> str:
    return "" if value is None else ANSWERS.get(value, str(value)) if isinstance(value, bool) else str(value)


class VitalStatus(Kind):
    """Who died and when; `status` alive is compared with the record and writes nothing."""

    name = "vital_status"
    extra = ("status",)
    form: VitalStatusForm

    def make_form(self) -> PageForm:
        return VitalStatusForm(today=None)  # type: ignore[arg-type]

    def required(self) -> list[str]:
        return []

    def any_of(self) -> Sequence[str]:
        return ["died_on", "status"]

    def load(self, participants: Sequence[Participant]) -> None:
        pass  # the participants themselves carry it

    def read(self, cells: dict[str, str], participant: Participant | None) -> PartialDate | None:
        status, died_on = plain(cells.get("status")).lower(), cells.get("died_on", "")
        if status not in ("", "alive", "dead", "died"):
            raise RowRefused("invalid", f"status: {status!r} is neither alive nor dead.")
        if status == "alive" and died_on:
            raise RowRefused(
                "invalid", "status says alive, and there is a date of death. Correct one of the two."
            )
        if status == "alive":
            return None
        died: PartialDate = self.dated({"died_on": died_on}, participant)["died_on"]
        if participant and participant.birth_earliest and died.latest < participant.birth_earliest:
            raise RowRefused(
                "invalid", f"died_on: {died} lies before the birth date. Correct one of the two."
            )
        return died

    def key(self, entry: Entry) -> Hashable:
        return entry.participant

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        on_record = entry.who.died_on
        if entry.fact is None and on_record:
            said = (
                f"A death of {on_record} is on record; an import doesn't take it back. Ask the coordinator."
            )
            raise RowRefused("on_record_dead", said)
        if entry.fact is None or on_record == str(entry.fact):
            return Verdict.UNCHANGED, ""
        return (Verdict.CHANGED, f"{on_record} becomes {entry.fact}") if on_record else (Verdict.NEW, "")

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        for entry in track([*new, *changed], "deaths written"):
            referral.record_death(entry.who, died_on=entry.fact, by=by)
