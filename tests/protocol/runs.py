"""The runs of docs/model/protocol.pml: the right protocol, and without each of its rules and assumptions."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Invariant(StrEnum):
    """A property that must hold, and the name by which the model checks it."""

    ONCE = "one key moves money at most once"
    TOLD = "a told answer stays true"
    ALONE = "nobody sends while another has the operation"
    NEWEST = "no status is older than the one before"
    HELD = "money moves only on an id that we hold"
    COVERED = "no two acts are asked for what there is once"
    ENDS = "everything ends, as Stripe's books are, or asks for a person"


@dataclass(frozen=True, slots=True)
class Run:
    """One exploration. `breaks` is the invariant that it must find broken; None: it must find nothing."""

    name: str
    flags: tuple[str, ...]
    breaks: Invariant | None
    faults: int = 2
    calls: int = 2
    looks_for_circles: bool = False  # no path may return to an earlier state: then every path has an end

    @property
    def checked(self) -> Iterable[Invariant]:
        return Invariant if self.breaks is None else (self.breaks,)

    @property
    def defines(self) -> list[str]:
        """Return the definitions passed to the model's compiler."""
        checks = [f"CHECK_{invariant.name}" for invariant in self.checked]
        return [f"-D{name}" for name in (*self.flags, *checks, f"FAULTS={self.faults}", f"CALLS={self.calls}")]


def _without(rule: str, breaks: Invariant, *flags: str, faults: int = 2, calls: int = 2) -> Run:
    return Run(rule, (rule, *flags), breaks, faults, calls)


RIGHT: Final = (
    Run("refund", (), None, looks_for_circles=True),
    Run("payment", ("PAY",), None, looks_for_circles=True),
    Run("refund, commits lost", ("FAILOVER",), None),
    Run("payment, commits lost", ("PAY", "FAILOVER"), None),
    Run("two refunds", ("KEYS=2",), None, faults=1, calls=1),
    Run("two payments", ("KEYS=2", "PAY"), None, faults=1, calls=1),
)
WITHOUT_A_RULE: Final = (
    _without("KEY_PER_ATTEMPT", Invariant.ONCE, "GENERATIONS=9", faults=1),
    _without("CLIENT_KEY_NOT_KEPT", Invariant.ONCE, "GENERATIONS=5", faults=0),
    _without("NO_CLIFF", Invariant.ONCE, faults=1),
    _without("NO_LOOK", Invariant.ONCE, faults=1),
    _without("FAILED_LOOK_IS_ABSENT", Invariant.ONCE, faults=2, calls=1),
    _without("UNKNOWN_IS_FAILED", Invariant.TOLD, faults=1),
    _without("NO_LOOK_AFTER_NO", Invariant.TOLD, faults=2),
    _without("NO_FENCE", Invariant.TOLD, faults=2),
    _without("NO_LEASE", Invariant.ALONE, faults=0),
    _without("LATE_ANSWER_WINS", Invariant.NEWEST, faults=1),
    _without("LOOK_UNNUMBERED", Invariant.NEWEST, faults=1),
    _without("CONFIRM_AT_CREATE", Invariant.HELD, "PAY", faults=0),
    _without("NO_RESERVATION", Invariant.COVERED, "KEYS=2", faults=0),
    _without("NO_JANITOR", Invariant.ENDS, faults=1),
    _without("NO_POLLER", Invariant.ENDS, faults=1),
    _without("LEASE_WITHOUT_END", Invariant.ENDS, faults=1),
)
BEFORE: Final = (
    _without("TWO_CLOCKS", Invariant.ALONE, faults=1),
    _without("TWO_CLOCKS", Invariant.ONCE, "NO_QUIET", "NOTHING_LATE", faults=2, calls=1),
    _without("KEY_FROM_OPERATION", Invariant.ONCE, "FAILOVER", faults=1),
    _without("NO_CLOCK_BEFORE_SEND", Invariant.ONCE, faults=1),
    _without("PROBLEM_OF_THE_LOOK", Invariant.ONCE, "LOOK_FIRST", faults=2, calls=1),
    _without("FRESH_500_IS_STICKY", Invariant.ONCE, "TRIES=4", faults=2, calls=1),
    _without("NO_QUIET", Invariant.ONCE, faults=2, calls=1),
)
WITHOUT_AN_ASSUMPTION: Final = (
    _without("LATE_OVER_BOUNDARY", Invariant.ONCE, faults=2, calls=1),
    _without("REFUSAL_MAY_PASS", Invariant.TOLD, faults=2),
    _without("FORGOTTEN_AFTER_LOSS", Invariant.ONCE, "FAILOVER", faults=2),
)
