"""Webhooks: signed as Stripe signs them, sent again until somebody answers 200."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass

import httpx

from sandbox.faults import Faults
from sandbox.store import Store

BACK_OFF_SECONDS = (1, 5, 30, 300, 1800, 3600)
CLAIM_SECONDS = 30  # longer than a delivery takes; a process that dies leaves it to another after that
TIMEOUT_SECONDS = 10


@dataclass
class Deliveries:
    """Sends the events that are due to one endpoint."""

    store: Store
    faults: Faults
    url: str
    secret: str
    transport: httpx.AsyncBaseTransport | None = None

    async def due(self) -> int:
        """Send what is due now, once; how many attempts were made."""
        attempts = 0
        async with httpx.AsyncClient(transport=self.transport, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            tried: set[int] = set()
            while claimed := self._claim(tried):
                number, event_id, attempt = claimed
                tried.add(number)
                attempts += 1
                await self._deliver(client, number, event_id, attempt)
        return attempts

    def _claim(self, tried: set[int]) -> tuple[int, str, int] | None:
        now = time.time()
        with self.store.transaction():
            found = self.store.rows(
                "SELECT seq, event, attempt FROM delivery WHERE done = 0 AND due <= ? ORDER BY seq", now
            )
            for number, event_id, attempt in found:
                if number not in tried:
                    self.store.rows("UPDATE delivery SET due = ? WHERE seq = ?", now + CLAIM_SECONDS, number)
                    return number, event_id, attempt + 1
        return None

    async def _deliver(self, client: httpx.AsyncClient, number: int, event_id: str, attempt: int) -> None:
        event = self.store.get(event_id, "event")
        if event is None:
            self._finish(number)
            return
        fault = self.faults.strike("POST", event["type"], webhook=True)
        kind = fault.kind if fault else None
        if kind == "webhook_drop":
            self._finish(number)
            return
        if kind in ("webhook_delay", "webhook_reorder"):
            self._again(number, attempt - 1, fault.seconds if fault and fault.seconds else 0.2)
            return
        secret = "whsec_rolled_away" if kind == "webhook_old_secret" else self.secret
        sent = [await self._send(client, event, secret) for _ in range(2 if kind == "webhook_duplicate" else 1)]
        if all(sent):
            self._finish(number)
        else:
            self._again(number, attempt, BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS)) - 1])

    async def _send(self, client: httpx.AsyncClient, event: dict[str, object], secret: str) -> bool:
        raw = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(raw, secret),
        }
        try:
            response = await client.post(self.url, content=raw, headers=headers)
        except httpx.HTTPError:
            return False
        return response.is_success

    def _finish(self, number: int) -> None:
        self.store.rows("UPDATE delivery SET done = 1 WHERE seq = ?", number)

    def _again(self, number: int, attempt: int, seconds: float) -> None:
        self.store.rows(
            "UPDATE delivery SET attempt = ?, due = ? WHERE seq = ?", attempt, time.time() + seconds, number
        )


def sign(raw: bytes, secret: str) -> str:
    """Stripe's signature header over these bytes, with the real time, whatever the sandbox's clock says."""
    now = int(time.time())
    digest = hmac.new(secret.encode(), f"{now}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"
