"""Webhooks: signed as Stripe signs them, retried until the endpoint answers 2xx."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.faults import Fault, Faults
from sandbox.store import Store
from sandbox.thin import notification

BACK_OFF_SECONDS = (1, 5, 30, 300, 1800, 3600)
MAX_ATTEMPTS = 80  # with the last pause for all further ones: Stripe's three days
CLAIM_SECONDS = 30  # longer than a delivery takes; after that another process takes over the delivery of a dead one
TIMEOUT_SECONDS = 10
DELAY_SECONDS = 0.2


@dataclass
class Deliveries:
    """Sends due events to one endpoint. The sandbox's clock decides which are due; signatures carry the real time."""

    store: Store
    faults: Faults
    url: str
    secret: str
    transport: httpx.AsyncBaseTransport | None = None

    async def due(self) -> int:
        """Send each due event once; returns the number of attempts."""
        if not self._next(set()):
            return 0
        attempts = 0
        async with httpx.AsyncClient(transport=self.transport, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            tried: set[int] = set()
            while claimed := self._claim(tried):
                number, event_id, attempt = claimed
                attempts += await self._deliver(client, number, event_id, attempt, tried)
        return attempts

    def _next(self, tried: set[int]) -> tuple[int, str, int] | None:
        found = self.store.rows(
            "SELECT seq, event, attempt FROM delivery WHERE done = 0 AND due <= ? ORDER BY due, seq LIMIT ?",
            self.store.clock(),
            len(tried) + 1,
        )
        return next(((number, event, attempt) for number, event, attempt in found if number not in tried), None)

    def _claim(self, tried: set[int]) -> tuple[int, str, int] | None:
        """Claim the next delivery; until it is done, no other process claims it."""
        with self.store.transaction():
            found = self._next(tried)
            if found is None:
                return None
            self.store.rows("UPDATE delivery SET due = ? WHERE seq = ?", self.store.clock() + CLAIM_SECONDS, found[0])
            return found[0], found[1], found[2] + 1

    async def _deliver(
        self, client: httpx.AsyncClient, number: int, event_id: str, attempt: int, tried: set[int]
    ) -> int:
        event = self.store.get(event_id, "event")
        if event is None:
            self._finish(number, event_id)
            return 0
        fault = self.faults.strike("POST", event["type"], webhook=True)
        if fault is not None:
            self.faults.fired(fault)
        kind = fault.kind if fault else None
        if kind == "webhook_reorder":
            self._again(number, attempt - 1, 0)  # behind all that is due now, in this same round
            return 0
        tried.add(number)
        if kind == "webhook_drop":
            self._finish(number, event_id)
            return 0
        if fault is not None and kind == "webhook_delay":
            self._again(number, attempt - 1, fault.seconds or DELAY_SECONDS)
            return 0
        times = 2 if kind == "webhook_duplicate" else 1
        sent = [await self._send(client, event, fault) for _ in range(times)]
        if all(sent) or attempt >= MAX_ATTEMPTS:
            self._finish(number, event_id)
        else:
            self._again(number, attempt, BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS)) - 1])
        return times

    async def _send(self, client: httpx.AsyncClient, event: dict[str, Any], fault: Fault | None) -> bool:
        old = fault is not None and fault.kind == "webhook_old_secret"
        thin = self.store.setting("event_payload", "snapshot") == "thin"
        raw = json.dumps(notification(event) if thin else event, indent=2).encode()
        headers = {
            "Accept": "*/*; q=0.5, application/json",
            "Cache-Control": "no-cache",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(raw, fault.secret if fault and old else self.secret),
        }
        try:
            response = await client.post(self.url, content=raw, headers=headers)
        except httpx.HTTPError:
            return False
        return response.is_success

    def _finish(self, number: int, event_id: str) -> None:
        with self.store.transaction():
            self.store.rows("UPDATE delivery SET done = 1 WHERE seq = ?", number)
            if not self.store.rows("SELECT 1 FROM delivery WHERE event = ? AND done = 0", event_id):
                self.store.rows(
                    "UPDATE object SET json = json_set(json, '$.pending_webhooks', 0) WHERE id = ?", event_id
                )

    def _again(self, number: int, attempt: int, seconds: float) -> None:
        self.store.rows(
            "UPDATE delivery SET attempt = ?, due = ? WHERE seq = ?", attempt, self.store.clock() + seconds, number
        )


def sign(raw: bytes, secret: str) -> str:
    """Make Stripe's signature header for these bytes, with the real time, not the sandbox's clock."""
    now = int(time.time())
    digest = hmac.new(secret.encode(), f"{now}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"
