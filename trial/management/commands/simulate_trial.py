"""Run a protocol's own allocation over made-up recruitment: how balanced it comes, how well one can guess it.

No trial's key is read and nothing is written. The people are made up: site, sex and age group are independent of each
other and of who came before. Their levels have equal shares, unless a file says otherwise, such as
{"sex": {"female": 3, "male": 1}, "recorded": ["site"]}: three women to one man, sites as on record.
"""

import json
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import randbits
from time import perf_counter
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import trange

from trial.ages import age_bounds
from trial.allocation_rules import Method
from trial.management.base import TrialCommand
from trial.models import ProtocolVersion, Sex, Trial
from trial.protocol import Protocol
from trial.recruitment import Counts, Recruitment, RecruitmentRefused
from trial.simulation import Simulation
from trial.states import ProtocolState

USUAL_PEOPLE = 500
SHOWN = 12  # rows of a group on the console; the rest is in --json


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within limits."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ArgumentTypeError(f"{text} is not a whole number from {low} to {high}")
        return int(text)

    return read


class Command(TrialCommand):
    """Simulate the allocation of the protocol in force, or of the newest version where none is."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the trial, how much is simulated, who comes, and the form of the answer."""
        parser.add_argument("trial", metavar="TRIAL", help="code of the trial")
        parser.add_argument("--runs", type=whole(1, 1_000_000), default=1000, help="trials made up (1000)")
        people = (
            f"people a run (the newest frozen cohort's size, else the protocol's total, else {USUAL_PEOPLE})"
        )
        parser.add_argument("--people", type=whole(1, 100_000), help=people)
        parser.add_argument("--seed", type=whole(0, 1 << 64), help="repeats a simulation (else any)")
        parser.add_argument("--recruitment", type=Path, metavar="FILE", help="shares of who comes, as JSON")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        """Simulate, and say how it went."""
        trial = self.trial(options["trial"])
        version = _version(trial)
        plan = version.protocol.allocation
        if plan.method is Method.UPLOADED_LIST:
            raise CommandError(
                f"Trial {trial.code} draws from an uploaded list: there is no method to simulate."
            )
        recruitment = _recruitment(trial, version.protocol, options["recruitment"])
        people = options["people"] or _planned(trial) or plan.total or USUAL_PEOPLE
        if plan.total and people > plan.total:
            raise CommandError(f"The protocol's list ends at {plan.total}: {people} people are too many.")
        seed = randbits(32) if options["seed"] is None else options["seed"]
        simulation, began = Simulation(plan, recruitment, people=people, seed=seed), perf_counter()
        for number in trange(options["runs"], desc="Simulating", unit="run", leave=False):
            simulation.run(number)
        answer = {
            "trial": trial.code,
            "protocol_version": version.number,
            "method": str(plan.method),
            "arms": dict(plan.arms),
            "runs": options["runs"],
            "people": people,
            "seed": seed,
            "seconds": round(perf_counter() - began, 3),
            "recruitment": recruitment.shares,
            **simulation.answer(),
        }
        self.stdout.write(json.dumps(answer, indent=1) if options["json"] else "\n".join(_told(answer)))


def _version(trial: Trial) -> ProtocolVersion:
    in_force = trial.versions.filter(state=ProtocolState.ACTIVE).first()
    if version := in_force or trial.versions.order_by("-number").first():
        return version
    raise CommandError(f"Trial {trial.code} has no protocol yet. Draft one first.")


def _planned(trial: Trial) -> int | None:
    return trial.cohorts.order_by("-recorded_at").values_list("size", flat=True).first()


def _recruitment(trial: Trial, protocol: Protocol, file: Path | None) -> Recruitment:
    try:
        return Recruitment.read(json.loads(file.read_bytes()) if file else {}, _recorded(trial, protocol))
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from None
    except ValueError as no:  # RecruitmentRefused, or no JSON
        said = no if isinstance(no, RecruitmentRefused) else f"is not JSON: {no}."
        raise CommandError(f"{file or 'Recruitment'}: {said}") from None


def _recorded(trial: Trial, protocol: Protocol) -> Counts:
    """Count the registered by every level of every factor; who has no level known counts for nothing."""
    bounds = (0, *protocol.age_groups)
    found: dict[str, Counter[str]] = {
        "site": Counter({str(site.number): 0 for site in trial.sites.all()}),
        "sex": Counter(dict.fromkeys(Sex.values, 0)),
        "age_group": Counter(dict.fromkeys(map(protocol.age_group, bounds), 0)),
    }
    registered = trial.participants.values_list("site__number", "sex", "birth_earliest", "birth_latest")
    for site, sex, earliest, latest in registered:
        found["site"][str(site)] += 1
        if sex:
            found["sex"][sex] += 1
        if earliest and latest:
            ages = {protocol.age_group(age) for age in age_bounds((earliest, latest), protocol.index_date)}
            found["age_group"].update(ages if len(ages) == 1 else ())
    return found


def _told(answer: dict[str, Any]) -> Iterator[str]:
    arms, shares = answer["arms"], answer["recruitment"]
    yield (
        f"Trial {answer['trial']}, protocol version {answer['protocol_version']}: {answer['method']}, "
        f"{':'.join(arms)} {':'.join(map(str, arms.values()))}."
    )
    yield (
        f"{answer['runs']} runs of {answer['people']} made-up people in {answer['seconds']:.1f} s, "
        f"seed {answer['seed']}."
    )
    for factor, by in shares.items():
        yield f"  {factor}: " + ", ".join(f"{level} {share:.1%}" for level, share in by.items())
    imbalance, guesses = answer["imbalance"], answer["predictability"]
    yield from _table("Imbalance (people)", {"overall": imbalance["overall"]}, 2)
    yield from _table("in a stratum", imbalance.get("strata", {}), 2)
    for factor, levels in imbalance["factors"].items():
        yield from _table(f"by {factor}", levels, 2)
    yield from _table("Share of allocations", {_words(name): row for name, row in guesses.items()}, 4)


def _table(title: str, rows: dict[str, dict[str, Any]], digits: int) -> Iterator[str]:
    if not rows:
        return
    yield f"\n{title:<34}{'mean':>10}{'(s.e.)':>10}{'largest':>10}{'in theory':>12}"
    for name, row in list(rows.items())[:SHOWN]:
        numbers = [row[column] for column in ("mean", "standard_error", "largest", "theoretical")]
        mean, error, largest, theory = ("–" if n is None else f"{n:.{digits}f}" for n in numbers)
        yield f"  {name:<32}{mean:>10}{error:>10}{largest:>10}{theory:>12}"
    if len(rows) > SHOWN:
        yield f"  and {len(rows) - SHOWN} more: see --json"
    for why in {row["why_none"]: None for row in rows.values() if row["why_none"]}:
        yield f"  No theoretical value: {why}."


def _words(name: str) -> str:
    return name.replace("_", " ")
