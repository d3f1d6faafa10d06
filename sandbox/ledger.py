"""What every act of the offline Stripe shares: its memory, the request it serves, and the events it makes."""

from dataclasses import dataclass, field
from typing import Any

from sandbox import objects
from sandbox.errors import missing
from sandbox.methods import METHODS, TestMethod
from sandbox.store import Store

Json = dict[str, Any]


@dataclass
class Ledger:
    """The books during one request: every change is an event, and a webhook when there is somewhere to send it."""

    store: Store
    request_id: str | None = None
    key: str | None = None
    webhooks: bool = True
    public_url: str = "http://127.0.0.1:8000"
    made: list[Json] = field(default_factory=list)

    @property
    def now(self) -> int:
        return self.store.now()

    def happened(self, kind: str, thing: Json) -> None:
        """Write an event and queue its delivery."""
        event = objects.event(self.now, kind, thing, request=self.request_id, key=self.key)
        self.store.add(event)
        self.made.append(event)
        if self.webhooks:
            self.store.rows("INSERT INTO delivery (event, due) VALUES (?, ?)", event["id"], 0.0)

    def later(self, seconds: int, action: str, subject: str) -> None:
        """Let something happen when the clock has moved on."""
        self.store.rows(
            "INSERT INTO timer (due, action, subject) VALUES (?, ?, ?)", self.now + seconds, action, subject
        )

    def need(self, kind: str, identity: str, *, param: str = "id") -> Json:
        """An object, or Stripe's error that there is none."""
        found = self.store.get(identity, kind)
        if found is None:
            raise missing(kind, identity, param=param)
        return found

    def method(self, name: str) -> tuple[Json, TestMethod]:
        """A payment method by its id or by a test token, and how it behaves."""
        if name in METHODS:
            method = objects.payment_method(self.now, name, METHODS[name])
            self.store.add(method)
            return method, METHODS[name]
        method = self.store.get(name, "payment_method") or {}
        if not method:
            raise missing("PaymentMethod", name, param="payment_method")
        return method, METHODS[method["metadata"]["sandbox_method"]]
