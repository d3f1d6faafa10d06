"""Misbehaviour on command: what a payment provider's worst day looks like."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.store import Store

KINDS = frozenset(
    {
        "drop_before",
        "drop_after",
        "timeout_before",
        "timeout_after",
        "error_500_before",
        "error_500_after",
        "conflict_409",
        "rate_limit_429",
        "lock_timeout_429",
        "unauthorized_401",
        "broken_json",
        "slow",
        "hold_before",
        "hold_after",
        "webhook_duplicate",
        "webhook_drop",
        "webhook_delay",
        "webhook_reorder",
        "webhook_old_secret",
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. Fires from the `nth` matching request on, `times` times."""

    kind: str
    method: str = ".*"
    path: str = ".*"
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    id: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}")


class Faults:
    """The rules in force, shared by all processes on one file."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, **rule: Any) -> int:
        """Put a rule in force; its number."""
        text = json.dumps(asdict(Fault(**rule)))
        with self._store.transaction():
            self._store.rows("INSERT INTO fault (rule) VALUES (?)", text)
            return int(self._store.rows("SELECT max(seq) FROM fault")[0][0])

    def all(self) -> list[dict[str, Any]]:
        """The rules with how often each matched."""
        found = self._store.rows("SELECT seq, rule, fired FROM fault ORDER BY seq")
        return [{**json.loads(rule), "id": number, "fired": fired} for number, rule, fired in found]

    def clear(self) -> None:
        self._store.rows("DELETE FROM fault")

    def exists(self, number: int) -> bool:
        return bool(self._store.rows("SELECT 1 FROM fault WHERE seq = ?", number))

    def strike(self, method: str, path: str, *, webhook: bool = False) -> Fault | None:
        """The rule that fires for this request, counted."""
        if not self._store.rows("SELECT 1 FROM fault LIMIT 1"):
            return None
        with self._store.transaction():
            for rule in self.all():
                fault = Fault(**rule)
                if fault.kind.startswith("webhook") != webhook:
                    continue
                if not (re.fullmatch(fault.method, method) and re.fullmatch(fault.path, path)):
                    continue
                matched = fault.fired + 1
                if matched >= fault.nth + fault.times:
                    continue
                self._store.rows("UPDATE fault SET fired = ? WHERE seq = ?", matched, fault.id)
                if matched >= fault.nth:
                    return fault
        return None
