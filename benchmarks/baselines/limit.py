"""The hand-written limit: ASGI and asyncpg, one statement for a request, no authorisation, limits, log or audit.

It recognises the benchmark's documents by their texts and answers them, with the same data as Paygraph.
"""

import hashlib
import hmac
import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from benchmarks.workloads import ORDER_STATUS, PAGE, PAY
from database.connection import parse_url
from domain.ids import Kind, decode, encode
from resolvers.reading.cursors import Cursor, SortKey

ORDER = """
SELECT o.id, o.external_id, o.payment_status, o.total_minor, o.paid_minor, o.currency, (
  SELECT json_agg(json_build_array(p.id, p.status, p.created_at, p.amount_minor, p.captured_minor, p.refunded_minor,
    p.currency, (SELECT json_agg(json_build_array(r.id, r.status, r.amount_minor, r.currency) ORDER BY r.created_at)
    FROM refund r WHERE r.payment_id = p.id)) ORDER BY p.created_at DESC)
  FROM payment p WHERE p.order_id = o.id)
FROM orders o WHERE o.id = $1
"""
PAYMENTS = """
SELECT p.id, p.status, p.created_at, p.amount_minor, p.currency, o.id, o.external_id, o.payment_status, (
  SELECT json_agg(json_build_array(r.id, r.status, r.amount_minor, r.currency) ORDER BY r.created_at)
  FROM refund r WHERE r.payment_id = p.id)
FROM (SELECT * FROM payment WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT 51) p
JOIN orders o ON o.id = p.order_id ORDER BY p.created_at DESC, p.id DESC
"""
SCRATCH = """
CREATE UNLOGGED TABLE IF NOT EXISTS bench_limit (key text PRIMARY KEY, payment uuid, order_id uuid, amount bigint);
CREATE TABLE IF NOT EXISTS bench_limit_events (id text PRIMARY KEY, payload jsonb)
"""
CLAIM = """
WITH known AS (SELECT o.id, o.total_minor, o.currency FROM orders o WHERE o.id = $3),
made AS (INSERT INTO bench_limit SELECT $1, $2, id, total_minor FROM known ON CONFLICT DO NOTHING RETURNING payment)
SELECT coalesce((SELECT payment FROM made), (SELECT payment FROM bench_limit WHERE key = $1)),
  EXISTS (SELECT 1 FROM made), total_minor, currency FROM known
"""
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
LAST = UUID(int=2**128 - 1)

_pool: list[asyncpg.Pool] = []
_secret = os.environ["WEBHOOK_SECRET"].encode()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request of the benchmark."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["path"] == "/healthz":
        await _send(send, b"{}")
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/webhooks/stripe":
        await _webhook(scope, body, send)
        return
    request = orjson.loads(body)
    data = await ANSWERS[request["query"]](request["variables"])
    await _send(send, orjson.dumps({"data": data}))


async def _live(receive: Any, send: Any) -> None:
    await receive()
    pool = await asyncpg.create_pool(
        **parse_url(os.environ["DATABASE_URL"]), min_size=32, max_size=32, reset=_nothing_to_reset
    )
    await pool.execute(SCRATCH)
    _pool.append(pool)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await pool.close()
    await send({"type": "lifespan.shutdown.complete"})


async def _nothing_to_reset(connection: Any) -> None:
    """Skip the reset: no connection is returned in another state than it was acquired in."""


async def _send(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def _moment(text: str) -> str:
    return text.replace("+00:00", "Z")


def _refunds(found: Any) -> list[dict[str, Any]]:
    return [
        {"id": encode(Kind.REFUND, UUID(refund)), "status": status, "amount": _money(amount, currency)}
        for refund, status, amount, currency in found or ()
    ]


async def _order(variables: dict[str, Any]) -> dict[str, Any]:
    known = decode(variables["id"], Kind.ORDER)
    assert known is not None
    row = await _pool[0].fetchrow(ORDER, known[1])
    assert row is not None
    number, external, status, total, paid, currency, payments = row
    return {
        "order": {
            "id": encode(Kind.ORDER, number),
            "externalId": external,
            "paymentStatus": status,
            "total": _money(total, currency),
            "amountPaid": _money(paid, currency),
            "amountDue": _money(max(total - paid, 0), currency),
            "payments": {
                "nodes": [
                    {
                        "id": encode(Kind.PAYMENT, UUID(payment)),
                        "status": state,
                        "createdAt": _moment(created),
                        "amount": _money(amount, currency),
                        "amountCaptured": _money(captured, currency),
                        "amountRefunded": _money(refunded, currency),
                        "refunds": _refunds(refunds),
                    }
                    for payment, state, created, amount, captured, refunded, currency, refunds in orjson.loads(
                        payments or "[]"
                    )
                ]
            },
        }
    }


async def _page(variables: dict[str, Any]) -> dict[str, Any]:
    after = variables.get("after")
    place = Cursor.decode(after, SortKey.CREATED_AT, argument="after") if after else None
    moment, last = (place.value, place.id) if place else (END_OF_TIME, LAST)
    found = await _pool[0].fetch(PAYMENTS, moment, last)
    edges = [
        {
            "cursor": Cursor(SortKey.CREATED_AT, created, payment).encode(),
            "node": {
                "id": encode(Kind.PAYMENT, payment),
                "status": status,
                "createdAt": _moment(created.isoformat()),
                "amount": _money(amount, currency),
                "order": {"id": encode(Kind.ORDER, order), "externalId": external, "paymentStatus": order_status},
                "refunds": _refunds(orjson.loads(refunds) if refunds else ()),
            },
        }
        for payment, status, created, amount, currency, order, external, order_status, refunds in found[:50]
    ]
    info = {"hasNextPage": len(found) > 50, "endCursor": edges[-1]["cursor"] if edges else None}
    return {"payments": {"edges": edges, "pageInfo": info}}


async def _pay(variables: dict[str, Any]) -> dict[str, Any]:
    known = decode(variables["input"]["orderId"], Kind.ORDER)
    assert known is not None
    row = await _pool[0].fetchrow(CLAIM, variables["key"], uuid4(), known[1])
    assert row is not None
    payment, is_new, total, currency = row
    return {
        "createPayment": {
            "replayed": not is_new,
            "errors": [],
            "operation": {"id": encode(Kind.OPERATION, payment), "state": "SUCCEEDED"},
            "payment": {
                "id": encode(Kind.PAYMENT, payment),
                "status": "SUCCEEDED",
                "amount": _money(total, currency),
                "order": {"id": encode(Kind.ORDER, known[1]), "paymentStatus": "PAID"},
            },
        }
    }


async def _webhook(scope: Any, body: bytes, send: Any) -> None:
    signature = dict(part.split(b"=", 1) for part in dict(scope["headers"])[b"stripe-signature"].split(b","))
    signed = hmac.new(_secret, signature[b"t"] + b"." + body, hashlib.sha256).hexdigest().encode()
    assert hmac.compare_digest(signed, signature[b"v1"])
    event = orjson.loads(body)
    await _pool[0].execute(
        "INSERT INTO bench_limit_events VALUES ($1, $2) ON CONFLICT DO NOTHING", event["id"], body.decode()
    )
    await _send(send, b"{}")


ANSWERS = {ORDER_STATUS: _order, PAGE: _page, PAY: _pay}
