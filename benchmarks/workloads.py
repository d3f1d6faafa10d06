"""The requests of each workload, encoded before anything is measured."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import jwt

from benchmarks.data import FRESH_ORDERS
from benchmarks.servers import JWT_SECRET, WEBHOOK_SECRET
from database.connection import parse_url
from domain.ids import Kind, encode
from resolvers.reading.cursors import Cursor, SortKey

KEPT = 5_000  # requests in a file
BUYERS = 1_000  # who send the requests
ORDER_STATUS = (
    "query OrderStatus($id: ID!) { order(id: $id) { id externalId paymentStatus total { amount currency } amountPaid "
    "{ amount currency } amountDue { amount currency } payments { nodes { id status createdAt amount { amount currency "
    "} amountCaptured { amount currency } amountRefunded { amount currency } refunds { id status amount { amount "
    "currency } } } } } }"
)
PAGE = (
    "query Page($after: String) { payments(first: 50, after: $after) { edges { cursor node { id status createdAt amount"
    " { amount currency } order { id externalId paymentStatus } refunds { id status amount { amount currency } } } } "
    "pageInfo { hasNextPage endCursor } } }"
)
PAY = (
    "mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) { createPayment(input: $input, idempotencyKey: "
    "$key) { replayed errors { __typename code message } operation { id state } payment { id status amount { amount "
    "currency } order { id paymentStatus } } } }"
)
FOLLOW = (
    "subscription Follow($id: ID!) { orderPaymentUpdated(orderId: $id) { sequence type order { id paymentStatus } "
    "payment { id status amountCaptured { amount currency } } } }"
)
STAFF = "payments:read payments:write orders:write"


class Requests:
    """Writes the files of requests for one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def order_status(self) -> Path:
        """W1: the status of orders all over the table, each read by its buyer.

        There are as many buyers in a table of any size: the rate of repeated tokens must not depend on the rows.
        """
        found = await self._rows(
            "WITH customers AS (SELECT count(*) FROM customer WHERE external_id LIKE 'buyer-%') "
            "SELECT o.id, c.external_id FROM orders o JOIN customer c ON c.id = o.customer_id "
            "WHERE o.external_id IN (SELECT 'order-' || (n * 7919 % count + again * count) "
            "FROM customers, generate_series(1, $1::int) n, generate_series(1, $2::int) again) "
            "ORDER BY md5(o.id::text)",
            BUYERS,
            KEPT // BUYERS,
        )
        tokens = {buyer: _token(buyer, "payments:pay") for _, buyer in found}
        return self._written(
            "W1",
            (_graphql(ORDER_STATUS, {"id": encode(Kind.ORDER, order)}, tokens[buyer]) for order, buyer in found),
        )

    async def page(self) -> Path:
        """W2: pages of fifty, after cursors all over the table."""
        found = await self._rows("SELECT created_at, id FROM payment ORDER BY md5(id::text) LIMIT $1", 500)
        token = _token("dashboard", STAFF)
        cursors = (Cursor(SortKey.CREATED_AT, created, payment).encode() for created, payment in found)
        return self._written("W2", (_graphql(PAGE, {"after": cursor}, token) for cursor in cursors))

    async def pay(self, count: int) -> Path:
        """W3: a payment of an order of its own each. Sent again, it is W4."""
        orders = await self._rows(FRESH_ORDERS, f"{uuid4().hex[:8]}-", count)
        token = _token("service", STAFF)
        return self._written("W3", (_graphql(PAY, _payment(order), token) for (order,) in orders))

    async def webhooks(self, count: int, *, repeated: bool = True) -> Path:
        """W5: events that repeat what is known of payments; with `repeated`, every twentieth comes a second time."""
        found = await self._rows(
            "SELECT stripe_payment_intent_id, stripe_charge_id, amount_minor, id, order_id, created_at FROM payment "
            "WHERE status = 'SUCCEEDED' AND stripe_charge_id IS NOT NULL LIMIT $1",
            count,
        )
        requests: list[bytes] = []
        for number in range(count):
            if repeated and number % 20 == 19:
                requests.append(requests[-1])
            else:
                requests.append(webhook(found[number % len(found)]))
        return self._written("W5", requests)

    async def _rows(self, statement: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(**parse_url(self._url))
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    def _written(self, name: str, requests: Iterable[bytes]) -> Path:
        path = self._folder / f"{name}.requests"
        with path.open("wb") as file:
            for request in requests:
                file.write(len(request).to_bytes(4, "big") + request)
        return path


def subscription(order: Any, subject: str, scope: str) -> bytes:
    """W6: a subscription to an order."""
    return _graphql(FOLLOW, {"id": encode(Kind.ORDER, order)}, _token(subject, scope), "text/event-stream")


def _payment(order: Any) -> dict[str, Any]:
    return {
        "input": {
            "orderId": encode(Kind.ORDER, order),
            "expectedAmount": {"amount": 1_000, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
        },
        "key": str(uuid4()),
    }


def _token(subject: str, scope: str) -> str:
    return jwt.encode(
        {"sub": subject, "scope": scope, "exp": datetime.now(UTC) + timedelta(hours=6)}, JWT_SECRET, algorithm="HS256"
    )


def _graphql(query: str, variables: dict[str, Any], token: str, accept: str = "application/json") -> bytes:
    body = json.dumps({"query": query, "variables": variables}).encode()
    return _http("/graphql", body, Authorization=f"Bearer {token}", Accept=accept)


def webhook(payment: Any, type_: str = "payment_intent.succeeded") -> bytes:
    """A signed webhook about a payment: Stripe's ids of it and its charge, its amount, id, order and time."""
    intent, charge, amount, payment_id, order_id, created = payment
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "api_version": "2026-06-30",
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
        "data": {
            "object": {
                "id": intent,
                "object": "payment_intent",
                "amount": amount,
                "amount_capturable": 0,
                "amount_received": amount,
                "capture_method": "automatic",
                "client_secret": None,
                "created": int(created.timestamp()),
                "currency": "usd",
                "latest_charge": charge,
                "livemode": False,
                "metadata": {"payment_id": str(payment_id), "order_id": str(order_id)},
                "next_action": None,
                "payment_method": "pm_card_visa",
                "payment_method_types": ["card"],
                "status": "succeeded",
            }
        },
    }
    body = json.dumps(event).encode()
    moment = int(time.time())
    signed = hmac.new(WEBHOOK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return _http("/webhooks/stripe", body, **{"Stripe-Signature": f"t={moment},v1={signed}"})


def _http(path: str, body: bytes, **headers: str) -> bytes:
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
