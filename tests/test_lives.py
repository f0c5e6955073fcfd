"""Lives nobody planned: machines that do anything at any time, on paper and through services and PostgreSQL.

On paper, any event meets the tables of states. In earnest, the acts of pages and tasks come in any order; after each
one the record is looked at as a whole, and whatever was refused must have left nothing behind.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from hashlib import sha256
from itertools import count, islice, pairwise, permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from screening import referrals as offers
from screening.models import Appointment, ContactAttempt, Referral
from screening.referrals import (
    TO_BE_CALLED,
    AppointmentEvent,
    AppointmentState,
    ContactOutcome,
    IdentityCheck,
    Offer,
    ReferralEvent,
    ReferralState,
    may_call,
    next_appointment_state,
    next_referral_state,
    window_end,
)
from screening.services import cohort, referral
from tests.factories import PASSWORD, high_risk, identity_for, make_participant, make_world
from trial import clock
from trial.guards import HAPPENINGS, HAPPENINGS_OF_TRIALS
from trial.keys import key_path
from trial.models import Allocation, Arm, Participant, ProtocolVersion, StateChange, Stratum, Trial
from trial.partial_dates import PartialDate
from trial.protocol import template
from trial.randomization import permuted_blocks
from trial.services import conduct, protocols, signatures, trials
from trial.services.trials import Refused
from trial.states import (
    FINAL,
    PROTOCOL_TRANSITIONS,
    TRANSITIONS,
    TRIAL_TRANSITIONS,
    Event,
    ProtocolEvent,
    ProtocolState,
    State,
    TransitionRefused,
    TrialEvent,
    TrialState,
    next_protocol_state,
    next_state,
    next_trial_state,
)
from trial.streams import KeyedStream, stream_label

ON_PAPER = settings(max_examples=200, stateful_step_count=25, deadline=None, derandomize=True)
IN_EARNEST = settings(
    max_examples=8,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
CONTACT = template("opscan").contact
TAIPEI = ZoneInfo("Asia/Taipei")


# --- on paper -----------------------------------------------------------------------------------------------


class Walk(RuleBasedStateMachine):
    """Any event at any time; subclasses name the first state, the table, and what no walk may do."""

    first: Any
    table: Mapping
    move: Callable

    def __init__(self) -> None:
        super().__init__()
        self.state = self.first
        self.past: list[tuple[Any, Any, Any]] = []

    def meet(self, event):
        try:
            after = type(self).move(self.state, event)
        except TransitionRefused as refused:
            assert (self.state, event) not in self.table
            allowed = [e for s, e in self.table if s == self.state]
            assert all(e.replace("_", " ") in str(refused) for e in allowed)
        else:
            self.past.append((self.state, event, after))
            self.state = after

    def happened(self, event) -> int:
        return sum(e == event for _, e, _ in self.past)

    @invariant()
    def the_state_is_where_the_past_leads(self):
        folded = self.first
        for _, event, _ in self.past:
            folded = self.table[folded, event]
        assert folded is self.state


class ParticipantOnPaper(Walk):
    first, table, move = State.REGISTERED, TRANSITIONS, staticmethod(next_state)
    any_event = rule(event=st.sampled_from(Event))(Walk.meet)

    @invariant()
    def nobody_is_randomized_twice_or_after_the_end(self):
        assert self.happened(Event.RANDOMIZE) <= 1
        gone = [
            place for place, (_, _, after) in enumerate(self.past) if after in (State.WITHDRAWN, State.DIED)
        ]
        drawn = [place for place, (_, event, _) in enumerate(self.past) if event == Event.RANDOMIZE]
        assert not (gone and drawn) or max(drawn) < min(gone)

    @invariant()
    def who_was_randomized_never_stands_before_it_again(self):
        if self.happened(Event.RANDOMIZE):
            assert self.state in (State.RANDOMIZED, State.WITHDRAWN, State.DIED)


class ProtocolOnPaper(Walk):
    first, table, move = ProtocolState.DRAFT, PROTOCOL_TRANSITIONS, staticmethod(next_protocol_state)
    any_event = rule(event=st.sampled_from(ProtocolEvent))(Walk.meet)

    @invariant()
    def nothing_takes_effect_unapproved_or_twice(self):
        assert self.happened(ProtocolEvent.ACTIVATE) <= 1
        if self.happened(ProtocolEvent.ACTIVATE):
            assert self.happened(ProtocolEvent.APPROVE) == self.happened(ProtocolEvent.RETURN_TO_DRAFT) + 1
            assert self.state in (ProtocolState.ACTIVE, ProtocolState.SUPERSEDED)


class TrialOnPaper(Walk):
    first, table, move = TrialState.DRAFT, TRIAL_TRANSITIONS, staticmethod(next_trial_state)
    any_event = rule(event=st.sampled_from(TrialEvent))(Walk.meet)

    @invariant()
    def closed_stays_closed_and_only_a_closed_trial_is_locked(self):
        if self.happened(TrialEvent.CLOSE):
            assert self.state in (TrialState.CLOSED, *FINAL)
        assert self.happened(TrialEvent.LOCK) <= self.happened(TrialEvent.CLOSE) <= 1
        assert self.happened(TrialEvent.LOCK) <= self.happened(TrialEvent.FREEZE)
        assert 0 <= self.happened(TrialEvent.FREEZE) - self.happened(TrialEvent.UNFREEZE) <= 1


class ReferralOnPaper(Walk):
    first, table, move = ReferralState.OPEN, offers.TRANSITIONS, staticmethod(next_referral_state)
    any_event = rule(event=st.sampled_from(ReferralEvent))(Walk.meet)

    @invariant()
    def only_who_is_to_be_called_may_be(self):
        day = datetime(2023, 1, 12, 12, tzinfo=TAIPEI)
        offer = Offer(
            state=self.state,
            randomized_on=day.date(),
            window_ends_on=window_end(day.date()),
            attempts=0,
            time_zone="Asia/Taipei",
        )
        assert (may_call(offer, CONTACT, at=day) is None) == (self.state in TO_BE_CALLED)

    @invariant()
    def a_stopped_or_scanned_offer_stays_so(self):
        for over in (ReferralEvent.STOP, ReferralEvent.SCAN):
            assert self.happened(over) <= 1
            assert not self.happened(over) or self.past[-1][1] == over


class AppointmentOnPaper(Walk):
    first, table = AppointmentState.BOOKED, offers.APPOINTMENT_TRANSITIONS
    move = staticmethod(next_appointment_state)
    any_event = rule(event=st.sampled_from(AppointmentEvent))(Walk.meet)

    @invariant()
    def it_ends_once(self):
        assert len(self.past) <= 1


@pytest.mark.parametrize(
    "machine", [ParticipantOnPaper, ProtocolOnPaper, TrialOnPaper, ReferralOnPaper, AppointmentOnPaper]
)
def test_no_walk_through_the_tables_leads_where_none_may(machine):
    run_state_machine_as_test(machine, settings=ON_PAPER)


def test_a_way_back_from_an_allocation_would_be_walked(monkeypatch):
    wrong = dict(TRANSITIONS) | {(State.RANDOMIZED, Event.FIND_ELIGIBLE): State.ELIGIBLE}
    monkeypatch.setattr("trial.states.TRANSITIONS", wrong)
    monkeypatch.setattr(ParticipantOnPaper, "table", wrong)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(ParticipantOnPaper, settings=ON_PAPER)


# --- in earnest ---------------------------------------------------------------------------------------------

_codes = count(1)
ARMS = (("screening", 1), ("control", 1))
FIRST_BLOCK = st.sampled_from(sorted(set(permutations(["screening", "control"] * 2))))
BLOCKS = {"allocation.method": "permuted_blocks", "allocation.block_sizes": [4]}
OF_PEOPLE = (*HAPPENINGS, *HAPPENINGS_OF_TRIALS, "trial_participant", "trial_participantevent", "cursors")
PLACES, DAYS = st.integers(0, 3), st.integers(-2, 2)
OVER = (State.WITHDRAWN, State.DIED)


def written() -> dict[str, Any]:
    """Return how much stands in every table, and the cursors, which leave no audit row when they move."""
    with connection.cursor() as cursor:
        tables = sorted(connection.introspection.table_names(cursor))
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables))
        found = dict(cursor.fetchall())
    return found | {"cursors": list(Stratum.objects.order_by("pk").values_list("pk", "drawn", "total"))}


def key_that_draws(first: tuple[str, ...], code: str) -> bytes:
    """Return a key whose first block is this one; of six, one has it."""
    for number in count():
        stream = KeyedStream(key := sha256(str(number).encode()).digest(), stream_label(code, 1, "all"))
        if tuple(islice(permuted_blocks(stream, ARMS, (4,)), 4)) == first:
            return key
    raise AssertionError("there is no end to the numbers")


def is_out(person: Participant) -> bool:
    """Tell whether somebody withdrew, died or objected."""
    return person.state in OVER or person.do_not_call


class Record(RuleBasedStateMachine):
    """A small trial: how one acts in it, what befalls anybody at any time, and what must always be so."""

    def open(self, first: tuple[str, ...]) -> None:
        """Set up a trial whose first block is known, so that a life can be lived again as it was."""
        code = f"LIFE{next(_codes)}"
        key_path(code).parent.mkdir(parents=True, exist_ok=True)
        key_path(code).write_text(key_that_draws(first, code).hex())
        self.world = make_world(code, protocol=template("opscan").amended(BLOCKS, note="-"))
        self.calls_when_out: dict[Any, int] = {}
        self.when_locked: dict[str, Any] | None = None

    @property
    def trial(self) -> Trial:
        return Trial.objects.get(pk=self.world.trial.pk)

    @property
    def takes_data(self) -> bool:
        return self.trial.state not in FINAL

    def person(self, place: int) -> Participant:
        people = Participant.objects.filter(trial=self.trial).select_related("trial", "site")
        return people.order_by("study_number")[place % len(people)]

    def act(self, verb: Callable, *args: Any, **kwargs: Any) -> bool:
        """Do something, or be refused and leave everything as it was; return whether it was done."""
        before = written()
        try:
            verb(*args, **kwargs)
        except (Refused, TransitionRefused) as refused:
            assert str(refused).strip() and written() == before
            return False
        return True

    # what befalls anybody

    # Few rules with many ways: Hypothesis leaves some rules out of each life, and those left in are met often.
    @rule(place=PLACES, way=st.sampled_from(["withdraw", "withdraw unsaid", "die", "die tomorrow", "object"]))
    def leave(self, place, way):
        person, may = self.person(place), self.takes_data
        died_on = PartialDate.of(clock.today(person.site) + timedelta(days=way == "die tomorrow"))
        match way.split():
            case ["withdraw", *unsaid]:
                reason = "" if unsaid else "Moves away."
                may = may and (person.state, Event.WITHDRAW) in TRANSITIONS and not unsaid
                done = self.act(referral.withdraw, person, reason=reason, by=self.world.coordinator)
            case ["die", *tomorrow]:
                may = may and not tomorrow
                done = self.act(
                    referral.record_death, person, died_on=died_on, by=self.world.outcome_recorder
                )
            case _:
                done = self.act(referral.object_to_calls, person, by=self.world.caller)
        assert done == may

    @rule(event=st.sampled_from(TrialEvent))
    def move_trial(self, event):
        before = TrialState(self.trial.state)
        done = self.act(
            trials.move_trial, self.trial, event=event, by=self.world.investigator, reason="As planned."
        )
        assert done == ((before, event) in TRIAL_TRANSITIONS)
        if not self.takes_data and self.when_locked is None:
            self.when_locked = self.data()

    # what must be so at any time

    def data(self) -> dict[str, Any]:
        """Return what a lock holds still: what is recorded of people, not what is written about a protocol."""
        return {t: rows for t, rows in written().items() if t.startswith("screening_") or t in OF_PEOPLE}

    @invariant()
    def everybody_is_allocated_once_and_slots_are_used_in_order(self):
        made = Allocation.objects.filter(participant__trial=self.trial)
        assert made.count() == made.values("participant").distinct().count()
        for stratum in self.trial.strata.all():
            slots = list(stratum.allocations.order_by("sequence").values_list("sequence", flat=True))
            assert slots == list(range(1, stratum.drawn + 1))

    @invariant()
    def the_screening_arm_and_nobody_else_has_an_offer(self):
        offered = Referral.objects.filter(allocation__participant__trial=self.trial)
        arm = Allocation.objects.filter(participant__trial=self.trial, arm=Arm.SCREENING)
        assert sorted(offered.values_list("allocation", flat=True)) == sorted(
            arm.values_list("pk", flat=True)
        )

    @invariant()
    def every_state_is_where_its_changes_lead(self):
        for person in Participant.objects.filter(trial=self.trial):
            state = State.REGISTERED
            for change in StateChange.objects.filter(participant=person).order_by("recorded_at"):
                assert change.from_state == state
                state = next_state(state, Event(change.event))
                assert change.to_state == state
            assert person.state == state
            randomized = Allocation.objects.filter(participant=person).exists()
            assert randomized == person.state_changes.filter(event=Event.RANDOMIZE).exists()

    @invariant()
    def every_move_in_the_audit_trail_is_in_the_tables(self):
        model: Any
        for model, table in (
            (Referral, offers.TRANSITIONS),
            (Appointment, offers.APPOINTMENT_TRANSITIONS),
            (ProtocolVersion, PROTOCOL_TRANSITIONS),
            (Trial, TRIAL_TRANSITIONS),
        ):
            moves = {(start, end) for (start, _), end in table.items()}
            for row in model.objects.filter(**{model.TRIAL_PATH: self.trial.pk}):
                events = model.pgh_event_model.objects.filter(pgh_obj_id=row.pk).order_by("pgh_id")
                states = list(events.values_list("state", flat=True))
                assert states[-1] == row.state
                assert all(a == b or (a, b) in moves for a, b in pairwise(states))

    @invariant()
    def nobody_is_called_or_booked_once_they_are_out(self):
        for person in Participant.objects.filter(trial=self.trial):
            calls = ContactAttempt.objects.filter(referral__allocation__participant=person).count()
            if is_out(person):
                assert self.calls_when_out.setdefault(person.pk, calls) == calls
                waiting = Appointment.objects.filter(referral__allocation__participant=person)
                assert not waiting.filter(state=AppointmentState.BOOKED).exists()
                offer = Referral.objects.filter(allocation__participant=person).first()
                assert offer is None or referral.refusal(offer) is not None
                # Who objects before the draw has an offer that begins open; who left never has one.
                assert offer is None or offer.state not in TO_BE_CALLED or person.state not in OVER

    @invariant()
    def one_protocol_is_in_force(self):
        assert self.trial.versions.filter(state=ProtocolState.ACTIVE).count() == 1

    @precondition(lambda self: self.when_locked is not None)
    @invariant()
    def a_locked_trial_takes_nothing(self):
        assert self.data() == self.when_locked


class Entry(Record):
    """People are judged and randomized, while the trial moves and its protocol is amended."""

    @initialize(first=FIRST_BLOCK)
    def begin(self, first):
        self.open(first)
        high_risk(self.world, 3)
        make_participant(self.world)  # the last: without a film

    @rule(places=st.sets(PLACES, min_size=1), judged_only=st.booleans())
    def enter(self, places, judged_only):
        for place in sorted(places):
            person = self.person(place)
            known = Allocation.objects.filter(participant=person).first()
            may = person.state not in OVER and self.trial.state == TrialState.ACTIVE and place < 3
            if judged_only:
                self.act(cohort.assess, person, by=self.world.coordinator)
            else:
                assert self.act(cohort.randomize, person, by=self.world.coordinator) == bool(known or may)
            assert not known or Allocation.objects.get(participant=person) == known

    @rule(
        changes=st.sampled_from([{}, {"minimum_age": 45}, {"allocation.block_sizes": [6]}]),
        signer=st.sampled_from(["coordinator", "monitor"]),
        approver=st.sampled_from(["coordinator", "randomization_statistician", "investigator"]),
    )
    def change_protocol(self, changes, signer, approver):
        by = self.world.randomization_statistician if "minimum_age" not in changes else self.world.coordinator
        if changes:
            self.act(protocols.amend_protocol, self.newest, changes=changes, why="A change.", by=by)
        draft, signing, approving = self.newest, getattr(self.world, signer), getattr(self.world, approver)
        self.act(signatures.sign, draft, by=signing, password=PASSWORD)
        done = self.act(protocols.approve_protocol, draft, by=approving, password=PASSWORD)
        assert not done or (draft.state == ProtocolState.DRAFT and draft.drafted_by != approving)
        self.activate(self.newest)

    def activate(self, version: ProtocolVersion) -> None:
        signed = signatures.signatures_of(version).values("signer").distinct().count() >= 2
        other = version.protocol.allocation != self.trial.protocol.allocation
        drawn = Allocation.objects.filter(participant__trial=self.trial).exists()
        done = self.act(protocols.activate, version, by=self.world.investigator)
        may = self.takes_data and version.state == ProtocolState.APPROVED and signed
        assert done == (may and not (other and drawn))

    @property
    def newest(self) -> ProtocolVersion:
        return self.trial.versions.order_by("-number")[0]


class Offers(Record):
    """People of both arms, randomized long ago: they are called, booked, seen or missed."""

    @initialize(first=FIRST_BLOCK, ago=st.sampled_from([20, 20, 20, 175, 190]))
    def begin(self, first, ago):
        self.open(first)
        self.ago, start = ago, clock.now(self.trial) - timedelta(days=ago)
        self.begun = start.astimezone(TAIPEI).date()
        for person in high_risk(self.world, 4):
            cohort.randomize(person, by=self.world.coordinator, occurred_at=start)

    def offer(self, place: int) -> Referral:
        offered = Referral.objects.filter(allocation__participant__trial=self.trial)
        return offered.order_by("allocation__sequence")[place % len(offered)]

    def at(self, day: int) -> datetime:
        """Return ten o'clock at the site, so many days after randomization."""
        return datetime.combine(self.begun + timedelta(days=day), time(10), TAIPEI)

    @rule(place=PLACES, outcome=st.sampled_from(ContactOutcome), ago=st.integers(1, 19))
    def call(self, place, outcome, ago):
        offer, moment = self.offer(place), self.at(self.ago - ago)
        may = referral.refusal(offer, at=moment) is None and self.takes_data
        assert not (may and is_out(offer.participant))
        called = {"outcome": outcome, "identity": identity_for(outcome), "occurred_at": moment}
        called["by"] = self.world.caller
        assert self.act(referral.record_attempt, offer, **called) == may
        if outcome == ContactOutcome.ACCEPTED:
            said = {"form_version": "1", "scope": "dxa", "by": self.world.caller}
            assert self.act(conduct.record_consent, offer.participant, **said) == self.takes_data

    @rule(place=PLACES, days=st.tuples(DAYS, DAYS), event=st.sampled_from([None, *AppointmentEvent]))
    def see(self, place, days, event):
        self.call(place, ContactOutcome.ACCEPTED, ago=1)
        book, move = ({"scheduled_at": self.at(self.ago + day), "by": self.world.caller} for day in days)
        self.act(referral.book, self.offer(place), **book)
        last = self.offer(place).appointments.order_by("-recorded_at").first()
        if last and event:
            if event == AppointmentEvent.MOVE:
                done = self.act(referral.move_appointment, last, **move)
            else:
                done = self.act(referral.end_appointment, last, event=event, by=self.world.caller)
            assert not done or (last.state, event) in offers.APPOINTMENT_TRANSITIONS

    @rule(place=PLACES, event=st.sampled_from([None, *ReferralEvent]))
    def settle(self, place, event):
        offer = self.offer(place)
        if event:
            said = IdentityCheck.NAME_AND_NUMBER if event is ReferralEvent.ACCEPT else None
            done = self.act(referral.settle, offer, event=event, by=self.world.caller, identity=said)
            assert not done or (offer.state, event) in offers.TRANSITIONS
        else:
            assert self.act(referral.expire_over, Referral.objects.all(), by=self.world.caller)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("machine", [Entry, Offers])
def test_no_order_of_acts_breaks_the_record(machine):
    run_state_machine_as_test(machine, settings=IN_EARNEST)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_that_stops_nothing_is_found(monkeypatch):
    monkeypatch.setattr(referral, "_stop", lambda participant, by: None)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Offers, settings=settings(IN_EARNEST, phases=[Phase.generate]))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_leaves_half_an_act_is_found(monkeypatch):
    def careless(participant, *, reason, by):
        conduct.record_deviation(
            participant.trial, category="exit", severity="minor", description="Leaves.", by=by
        )
        return withdraw(participant, reason=reason, by=by)

    withdraw = referral.withdraw
    monkeypatch.setattr(referral, "withdraw", careless)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Offers, settings=settings(IN_EARNEST, phases=[Phase.generate]))
