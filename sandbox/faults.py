"""Fault injection: a payment provider's worst day, on request."""

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from sandbox.store import Store

BEFORE = frozenset(  # the request is not executed
    {
        "drop_before",
        "timeout_before",
        "refuse_connection",
        "conflict_409",
        "rate_limit_429",
        "lock_timeout_429",
        "unauthorized_401",
        "hold_before",
    }
)
AFTER = frozenset(  # the request is executed (with error_500_before it fails midway), and its answer is damaged
    {
        "error_500_before",
        "drop_after",
        "timeout_after",
        "error_500_after",
        "broken_json",
        "slow",
        "trickle",
        "hold_after",
    }
)
WEBHOOK = frozenset({"webhook_duplicate", "webhook_drop", "webhook_delay", "webhook_reorder", "webhook_old_secret"})
KINDS = BEFORE | AFTER | WEBHOOK


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. It fires from the `nth` matching request on, `times` times.

    `method` and `path` are regular expressions for a request's whole method and path, `prefix` is the beginning of the
    path; for webhooks `path` is the event's type. `seconds` is the duration of `slow`, `timeout_*` (over a network) and
    `webhook_delay`, and the pause before each byte of a `trickle`. `should_retry` is sent as Stripe-Should-Retry with a
    429. `late`: a `hold_before` request whose client has disconnected is still executed when the rule is removed.
    `locks`: a `hold_before` holds the object's lock too, as a running confirmation does at Stripe: other changes of the
    object are answered 429 `lock_timeout` meanwhile.
    `secret` signs a `webhook_old_secret`.
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    prefix: str = ""
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    should_retry: bool | None = None
    late: bool = False
    locks: bool = False
    secret: str = "whsec_rolled_away"  # noqa: S105 - a secret of nobody
    id: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}")
        if self.nth < 1 or self.times < 1 or self.seconds < 0:
            raise ValueError("nth and times must be at least 1, seconds at least 0")
        try:
            for pattern in (self.method, self.path):
                re.compile(pattern)
        except re.error as error:
            raise ValueError(f"method and path must be regular expressions: {error}") from None

    def matches(self, method: str, path: str) -> bool:
        """Return True when the rule matches this request."""
        return bool(
            path.startswith(self.prefix) and re.fullmatch(self.method, method) and re.fullmatch(self.path, path)
        )


class Faults:
    """The rules in force, shared by all processes on one file."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, **rule: Any) -> int:
        """Add a rule and return its number. Conditions may be passed together as `match`.

        Raises TypeError and ValueError.
        """
        match = rule.pop("match", {})
        given = {**rule, **match}
        if f"webhook_{given.get('kind')}" in WEBHOOK:
            given["kind"] = f"webhook_{given['kind']}"
        known = {field.name for field in fields(Fault)} - {"id"}
        if unknown := set(given) - known:
            raise ValueError(f"a rule has no {', '.join(sorted(unknown))}")
        text = json.dumps(asdict(Fault(**given)))
        with self._store.transaction():
            self._store.rows("INSERT INTO fault (rule) VALUES (?)", text)
            return int(self._store.rows("SELECT max(seq) FROM fault")[0][0])

    def all(self) -> list[dict[str, Any]]:
        """List the rules, with the number of times that each has matched and fired."""
        found = self._store.rows("SELECT seq, rule, matched, fired FROM fault ORDER BY seq")
        return [
            {**json.loads(rule), "id": number, "matched": matched, "fired": fired}
            for number, rule, matched, fired in found
        ]

    def clear(self, number: int | None = None) -> None:
        """Remove one rule, or all; requests that they hold continue."""
        self._store.rows("DELETE FROM fault WHERE ?1 IS NULL OR seq = ?1", number)

    def exists(self, number: int) -> bool:
        return bool(self._store.rows("SELECT 1 FROM fault WHERE seq = ?", number))

    def strike(self, method: str, path: str, *, webhook: bool = False) -> Fault | None:
        """Return the rule that applies to this request. Call `fired` when it has been applied."""
        if not self._store.rows("SELECT 1 FROM fault LIMIT 1"):
            return None
        with self._store.transaction():
            for number, text, matched in self._store.rows("SELECT seq, rule, matched FROM fault ORDER BY seq"):
                fault = Fault(**{**json.loads(text), "id": number})
                spent = matched + 1 >= fault.nth + fault.times
                if spent or (fault.kind in WEBHOOK) != webhook or not fault.matches(method, path):
                    continue
                self._store.rows("UPDATE fault SET matched = matched + 1 WHERE seq = ?", number)
                if matched + 1 >= fault.nth:
                    return fault
        return None

    def fired(self, fault: Fault) -> None:
        """Count that the rule was applied (or, when it holds a request, now holds it)."""
        self._store.rows("UPDATE fault SET fired = fired + 1 WHERE seq = ?", fault.id)
