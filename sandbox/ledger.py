"""The shared context of all actions: the store, the request being served, and the events it causes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox import objects
from sandbox.errors import missing
from sandbox.store import Store

Json = dict[str, Any]


@dataclass
class Ledger:
    """The ledger during one request: every change makes an event, and a webhook when there is an endpoint.

    `public_url` is where a browser finds the sandbox's own pages. Without `request_id` Stripe acts by itself.
    """

    store: Store
    request_id: str | None = None
    key: str | None = None
    webhooks: bool = True
    public_url: str = "http://127.0.0.1:8000"
    at: int | None = None
    version: str = ""

    @property
    def now(self) -> int:
        """The current time: the sandbox's clock, or the moment of a timer."""
        return self.store.now() if self.at is None else self.at

    @property
    def is_preview(self) -> bool:
        """True for a request in a preview version of the API, which has more than others."""
        return self.version.endswith(".preview")

    @contextmanager
    def by_itself(self, at: int) -> Iterator[None]:
        """Run the block as an action of Stripe's own at this moment, not of a request."""
        kept = self.request_id, self.key, self.at
        self.request_id, self.key, self.at = None, None, at
        try:
            yield
        finally:
            self.request_id, self.key, self.at = kept

    def happened(self, kind: str, thing: Json, *, before: Json | None = None) -> None:
        """Write an event with the object as it is now, and queue its delivery; `before` is for `*.updated`."""
        event = objects.event(self.now, kind, thing, request=self.request_id, key=self.key, webhooks=self.webhooks)
        if before is not None:
            event["data"]["previous_attributes"] = objects.previous_attributes(before, thing)
        self.store.add(event)
        if self.webhooks:
            self.store.rows("INSERT INTO delivery (event, due) VALUES (?, ?)", event["id"], self.store.clock())

    def all_happened(self, events: Iterable[tuple[str, Json, Json | None]]) -> None:
        """Write several events: each its type, its object, and the earlier object for an update."""
        for kind, thing, before in events:
            self.happened(kind, thing, before=before)

    def later(self, seconds: int, action: str, subject: str) -> None:
        """Schedule a timer by the sandbox's clock."""
        self.store.rows(
            "INSERT INTO timer (due, action, subject) VALUES (?, ?, ?)", self.now + seconds, action, subject
        )

    def need(self, kind: str, identity: str, *, param: str = "id") -> Json:
        """Return an object. Raises Stripe's error when there is none."""
        found = self.store.get(identity, kind)
        if found is None:
            raise missing(kind, identity, param=param)
        return found

    def move(self, *, amount: int, fee: int, currency: str, source: str, kind: str) -> str:
        """Write a balance transaction; returns its id."""
        moved = objects.balance_transaction(
            self.now, amount=amount, fee=fee, currency=currency, source=source, kind=kind
        )
        self.store.add(moved)
        self.later(objects.AVAILABLE_SECONDS, "available", moved["id"])
        return str(moved["id"])
