"""The parts of a protocol and the words they are written in; each part reads itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from trial.allocation_rules import AllocationRule, Method
from trial.chances import Measure
from trial.reading import Reader


class View(StrEnum):
    """Projection of a frontal chest radiograph (DICOM ViewPosition)."""

    PA = "PA"
    AP = "AP"


class Operator(StrEnum):
    """How a share is compared with its limit."""

    MORE_THAN = ">"
    AT_LEAST = ">="


class Exclusion(StrEnum):
    """What must not have been known before the index date."""

    EARLIER_DXA = "earlier_dxa"
    OSTEOPOROSIS = "osteoporosis"
    OSTEOPOROTIC_FRACTURE = "osteoporotic_fracture"
    ANTI_OSTEOPOROTIC_DRUG = "anti_osteoporotic_drug"


class AllowedDrug(StrEnum):
    """What does not count as an anti-osteoporotic drug."""

    VITAMIN_D = "vitamin_d"
    CALCIUM = "calcium"


class UnknownPerson(StrEnum):
    """What a film of a person nobody registered does."""

    REGISTER = "register"
    HOLD = "hold"


class QualityControl(StrEnum):
    """What becomes of a film whose picture looks wrong: held for a person, or not even looked at."""

    HOLD = "hold"
    OFF = "off"


class Factor(StrEnum):
    """What a list may be stratified by, or minimization balances."""

    SITE = "site"
    SEX = "sex"
    AGE_GROUP = "age_group"


class ArmName(StrEnum):
    """The arms, by the words they keep from the database to the report."""

    SCREENING = "screening"
    CONTROL = "control"


class Timing(StrEnum):
    """When people are randomized: a frozen cohort at once, one by one when asked, or by itself once eligible."""

    COHORT = "cohort"
    ON_REQUEST = "on_request"
    AUTOMATIC = "automatic"


class Weekday(StrEnum):
    """Days of the week, Monday first."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class ConsentPolicy(StrEnum):
    """Consent before randomization, or of the screening arm after it (single-consent Zelen)."""

    BEFORE_RANDOMIZATION = "before_randomization"
    SINGLE_CONSENT_ZELEN = "single_consent_zelen"


class Subgroup(StrEnum):
    """Subgroups named before any result."""

    ISCD_AGE_SEX = "iscd_age_sex"
    SEX = "sex"
    AGE_GROUP = "age_group"


class Endpoint(StrEnum):
    """The rule of the primary endpoint; ``screening.endpoint`` applies it."""

    NEWLY_DIAGNOSED_OSTEOPOROSIS = "newly_diagnosed_osteoporosis"


class Origin(StrEnum):
    """Who gave a value."""

    PAPER = "paper"
    REGISTRY = "registry"
    INFERRED = "inferred"
    OURS = "ours"


@dataclass(frozen=True)
class FilmWindow:
    """First and last StudyDate, both inclusive, of the films that count."""

    first: date
    last: date

    def contains(self, day: date) -> bool:
        """Say whether a film of that StudyDate counts."""
        return self.first <= day <= self.last

    @classmethod
    def read(cls, r: Reader) -> "FilmWindow":
        """Read the part."""
        return r.done(cls(r.day("first"), r.day("last")))


@dataclass(frozen=True)
class ShareRule:
    """High risk means that the share of positive films is above (or at least) a whole percentage."""

    percent: int
    operator: Operator

    @classmethod
    def read(cls, r: Reader) -> "ShareRule":
        """Read the part."""
        return r.done(cls(r.whole("percent", 1, 100), r.code("operator", Operator)))


class ScoreKind(StrEnum):
    """What the index test looks at: each film of a person, or facts about the person alone."""

    FILMS = "films"
    COVARIATES = "covariates"


@dataclass(frozen=True)
class ScoreModel:
    """The model of the index test; positive means a probability at or above the threshold.

    The checksum of the weights may be open in a draft; approval needs it. A protocol that names no kind means films;
    of a test of facts alone the film window, the views and the share of positive films decide nothing.
    """

    name: str
    version: str
    weights_sha256: str | None
    threshold: Decimal
    kind: ScoreKind = ScoreKind.FILMS

    @classmethod
    def read(cls, r: Reader) -> "ScoreModel":
        """Read the part."""
        digits = "64 hexadecimal digits in lower case, or null"
        weights = r.optional("weights_sha256", lambda: r.matching("weights_sha256", "[0-9a-f]{64}", digits))
        threshold = r.decimal("threshold", Decimal(0), Decimal(1))
        kind = r.optional("kind", lambda: r.code("kind", ScoreKind)) or ScoreKind.FILMS
        return r.done(cls(r.text("name", 60), r.text("version", 40), weights, threshold, kind))


@dataclass(frozen=True)
class Allocation:
    """How participants are allocated; arms keep their order, for it is part of the draw.

    ``total`` None means the size of the frozen cohort. Without strata there is one list, named "all".
    ``limit``, ``p``, ``measure`` and ``factors`` (with their weights) are for the methods that take them.
    To an arm that is ``dropped`` nobody more is allocated.
    """

    method: Method
    arms: tuple[tuple[str, int], ...]
    block_sizes: tuple[int, ...]
    total: int | None
    strata: tuple[Factor, ...]
    limit: int | None = None
    p: Fraction | None = None
    measure: Measure | None = None
    factors: tuple[tuple[Factor, int], ...] = ()
    timing: Timing | None = None
    dropped: tuple[ArmName, ...] = ()

    @property
    def open_arms(self) -> tuple[tuple[str, int], ...]:
        """Return the arms that people are still allocated to, with their shares."""
        return tuple((arm, share) for arm, share in self.arms if arm not in self.dropped)

    @property
    def drawn_by(self) -> Method:
        """Return the method that places are drawn by; where one arm is left there is nothing to balance."""
        return Method.SIMPLE if len(self.open_arms) == 1 else self.method

    @property
    def when(self) -> Timing:
        """Return when people are randomized; a whole total is drawn for a cohort, unless said otherwise."""
        whole = self.method is Method.RANDOM_ALLOCATION_RULE
        return self.timing or (Timing.COHORT if whole else Timing.ON_REQUEST)

    @property
    def used(self) -> tuple[Factor, ...]:
        """Return every factor that a draw goes by."""
        return (*self.strata, *(factor for factor, _ in self.factors))

    def rule(self, total: int | None = None) -> AllocationRule:
        """Return the rule to draw from; ``total`` is the size of the frozen cohort (or of its stratum)."""
        if self.drawn_by is not self.method:
            return AllocationRule(self.drawn_by, self.open_arms)
        whole = self.method is Method.RANDOM_ALLOCATION_RULE
        return AllocationRule(
            self.method,
            self.open_arms,
            self.block_sizes,
            (self.total or total) if whole else None,
            self.limit,
            self.p,
            self.measure,
            tuple((str(factor), weight) for factor, weight in self.factors),
        )

    def stratum_label(self, facts: Mapping[str, str | None]) -> str:
        """Name a participant's stratum, such as "site=1|sex=female"; a missing fact is refused."""
        missing = [factor for factor in self.used if not facts.get(factor)]
        if missing:
            needed = " and ".join(missing)
            raise ValueError(f"Not known: {needed}. The draw needs it; add it, then randomize.")
        return "|".join(f"{factor}={facts[factor]}" for factor in self.strata) or "all"

    def strata_of(self, label: str) -> dict[str, str] | None:
        """Return the facts that a stratum's name tells; None where this protocol gives no such name."""
        facts = dict(part.split("=", 1) for part in label.split("|") if "=" in part)
        named = "|".join(f"{factor}={facts.get(factor)}" for factor in self.strata) or "all"
        return facts if named == label and all(facts.values()) else None

    @classmethod
    def read(cls, r: Reader) -> "Allocation":
        """Read the part."""
        allocation = cls(
            method=r.code("method", Method),
            arms=tuple(_read_arm(arm) for arm in r.items("arms")),
            block_sizes=r.wholes("block_sizes", 1, 100),
            total=r.optional("total", lambda: r.whole("total", 1, 10_000_000)),
            strata=r.codes("strata", Factor),
            limit=r.optional("limit", lambda: r.whole("limit", 1, 1000)),
            p=r.optional("p", lambda: r.fraction("p")),
            measure=r.optional("measure", lambda: r.code("measure", Measure)),
            factors=r.optional("factors", lambda: _read_factors(r.part("factors"))) or (),
            timing=r.optional("timing", lambda: r.code("timing", Timing)),
            dropped=r.optional("dropped", lambda: r.codes("dropped", ArmName)) or (),
        )
        return r.done(allocation)


@dataclass(frozen=True)
class Consent:
    """When consent is asked for, and under which waiver where it is asked of one arm only."""

    policy: ConsentPolicy
    waiver_reference: str | None

    @classmethod
    def read(cls, r: Reader) -> "Consent":
        """Read the part."""
        policy = r.code("policy", ConsentPolicy)
        return r.done(cls(policy, r.optional("waiver_reference", lambda: r.text("waiver_reference"))))


@dataclass(frozen=True)
class Contact:
    """How often, between which hours, local to the site, and on which weekdays people may be called.

    A protocol that names no weekdays means Monday to Friday.
    """

    max_attempts: int
    hours_from: time
    hours_to: time
    weekdays: tuple[Weekday, ...] = ()

    @property
    def days(self) -> tuple[Weekday, ...]:
        """Return the weekdays on which calls are planned."""
        return self.weekdays or tuple(Weekday)[:5]

    @classmethod
    def read(cls, r: Reader) -> "Contact":
        """Read the part."""
        weekdays = r.optional("weekdays", lambda: r.codes("weekdays", Weekday, at_least=1)) or ()
        return r.done(
            cls(r.whole("max_attempts", 1, 50), r.clock("hours_from"), r.clock("hours_to"), weekdays)
        )


@dataclass(frozen=True)
class AccrualGoal:
    """How many people are planned to be randomized by the end of a day."""

    by: date
    randomized: int

    @classmethod
    def read(cls, r: Reader) -> "AccrualGoal":
        """Read the part."""
        return r.done(cls(r.day("by"), r.whole("randomized", 1, 10_000_000)))


@dataclass(frozen=True)
class Source:
    """Who gave a field's value, and what is to be said about it."""

    source: Origin
    note: str

    @classmethod
    def read(cls, r: Reader) -> "Source":
        """Read the part."""
        return r.done(cls(r.code("source", Origin), r.text("note", 400)))


def _read_factors(r: Reader) -> tuple[tuple[Factor, int], ...]:
    return r.done(tuple((factor, r.whole(factor, 1, 1000)) for factor in Factor if factor in r.names()))


def _read_arm(r: Reader) -> tuple[str, int]:
    return r.done((r.text("arm", 20), r.whole("ratio", 1, 10)))
