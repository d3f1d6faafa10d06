"""Stripe answers one byte at a time: a call ends at its total limit, in every layer, and its slot is free again.

Each pause of this answer is shorter than the limit, and the answer takes minutes in all. Stripe has executed the
request by then: the missing answer is no decline, and the request must not be executed twice.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import httpx
import pytest

from database.connection import parse_url
from sandbox.deliveries import sign
from services.live.refresh_on_read import AT_ONCE
from tests.crash.processes.cluster import POLL_SECONDS, Application, Cluster, settled
from tests.crash.test_kill import PAY
from tests.support.shop import CONFIRMATION_OF, WEBHOOK_SECRET, Json, key

LIMIT_SECONDS: Final = 1.0  # of one call
BYTE_SECONDS: Final = 0.3  # silence alone never lasts as long as the limit, and a list of one object takes minutes
LATEST_SECONDS: Final = 12.0  # a call and a pause, on a machine with other work
WITHIN_SECONDS: Final = 30.0  # within which the expected state is reached
ALWAYS: Final = 1_000_000
CARD: Final = {"paymentMethodId": "pm_card_visa", "returnUrl": "https://shop.example/back"}
STATUS: Final = "SELECT status FROM payment WHERE stripe_payment_intent_id = $1"
WAITING_EVENTS: Final = "SELECT count(*) FROM webhook_event WHERE due IS NOT NULL"
DEAD_EVENTS: Final = "SELECT count(*) FROM webhook_event WHERE state = 'DEAD'"
FINISHED_RUNS: Final = "SELECT count(*) FROM reconciliation_run WHERE finished_at IS NOT NULL"


@asynccontextmanager
async def _one_lane(cluster: Cluster, **layers: Any) -> AsyncIterator[Application]:
    """Start an application whose worker has one slot for each named layer, and no other layer."""
    given: Json = {
        "worker_janitor": False,
        "worker_reconciler": False,
        "worker_concurrency": 1,
        "repair_on_read": False,
        **layers,
    }
    limits: Json = {"stripe_timeout_seconds": LIMIT_SECONDS, "request_budget_seconds": 0, "lease_seconds": 3.0}
    async with cluster.application(worker=bool(layers), **limits, **given) as application:
        yield application


@asynccontextmanager
async def _looking(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        yield connection
    finally:
        await connection.close()


class Prepared:
    """A payment that waits for its buyer: its id here, and its id at Stripe."""

    def __init__(self, cluster: Cluster, payment_id: str) -> None:
        self._cluster = cluster
        self.id = payment_id
        self.intent: Json = cluster.sandbox.snapshot().payment_intents[-1]

    @property
    def path(self) -> str:
        """The path of all requests to Stripe about it."""
        return f"/v1/payment_intents/{self.intent['id']}.*"

    async def confirmed_by_browser(self) -> None:
        """Confirm it at Stripe itself, as the buyer's browser does."""
        given = {
            "payment_method": "pm_card_visa",
            "client_secret": self.intent["client_secret"],
            "return_url": "https://shop.example/",
        }
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._cluster.stripe_port}") as browser:
            answer = await browser.post(
                f"/v1/payment_intents/{self.intent['id']}/confirm",
                data=given,
                headers={"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()},
            )
        assert answer.json()["status"] == "succeeded"

    async def told(self, application: Application) -> None:
        """Deliver Stripe's events about it."""
        for event in self._cluster.sandbox.snapshot().events:
            if event["type"] == "payment_intent.succeeded" and event["data"]["object"]["id"] == self.intent["id"]:
                raw = json.dumps(event).encode()
                headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
                taken = await application.http.post("/webhooks/stripe", content=raw, headers=headers)
                assert taken.status_code == 200

    async def succeeds(self, connection: asyncpg.Connection) -> float:
        """Wait until our books say so; returns how long that took."""
        return await _until(lambda: _is(connection, STATUS, "SUCCEEDED", self.intent["id"]))


async def _prepared(cluster: Cluster, application: Application, number: int) -> Prepared:
    order = {"externalId": f"order-{number}", "total": {"amount": 10_000, "currency": "USD"}}
    registered = await application.staff.do("registerOrder", input={**order, "customerExternalId": "buyer"}, key=key())
    asked = {"orderId": registered["order"]["id"], "expectedAmount": PAY["expectedAmount"]}
    payload = await application.buyer.do("createPayment", input=asked, key=key())
    assert payload["errors"] == []
    return Prepared(cluster, payload["payment"]["id"])


def _trickle(cluster: Cluster, path: str, *, method: str = ".*", times: int = ALWAYS) -> int:
    return cluster.sandbox.fault(kind="trickle", method=method, path=path, times=times, seconds=BYTE_SECONDS)


async def _trickles(cluster: Cluster, rule: int, times: int = 1) -> float:
    """Wait until so many answers have begun to trickle; returns how long that took."""

    async def begun() -> bool:
        return any(fault["fired"] >= times for fault in cluster.sandbox.faults() if fault["id"] == rule)

    return await _until(begun)


async def _until(met: Callable[[], Awaitable[bool]]) -> float:
    began = time.monotonic()
    async with asyncio.timeout(WITHIN_SECONDS):
        while not await met():
            await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began


async def _is(connection: asyncpg.Connection, question: str, answer: object, *given: object) -> bool:
    return bool(await connection.fetchval(question, *given) == answer)


async def _timed(call: Awaitable[Json]) -> tuple[Json, float]:
    began = time.monotonic()
    return await call, time.monotonic() - began


def _charges(cluster: Cluster) -> list[tuple[str, bool]]:
    return sorted((charge["payment_intent"], charge["paid"]) for charge in cluster.sandbox.snapshot().charges)


def _is_unknown(payload: Json) -> None:
    """Check that the outcome is unknown, and the same key may be sent again."""
    [error] = payload["errors"]
    assert error["retryable"] is True
    assert (payload["operation"]["state"], payload["operation"]["effect"]) == ("UNRESOLVED", "UNKNOWN")


async def test_a_buyers_payment_is_over_at_the_limit_and_found_out_later(cluster: Cluster) -> None:
    async with _one_lane(cluster) as application:
        slow, well = [await _prepared(cluster, application, number) for number in (1, 2)]
        one_key, rule = key(), _trickle(cluster, slow.path)
        confirm = {"paymentId": slow.id, **CARD}
        calling = asyncio.create_task(_timed(application.buyer.do("confirmPayment", **confirm, key=one_key)))
        await _trickles(cluster, rule)
        other = await application.buyer.do("confirmPayment", paymentId=well.id, **CARD, key=key())
        unknown, took = await calling
        cluster.sandbox.clear_faults()
        known = await settled(application.buyer, "confirmPayment", one_key, **confirm)

    _is_unknown(unknown)
    assert took < LATEST_SECONDS
    assert other["payment"]["status"] == "SUCCEEDED"
    assert (known["errors"], known["payment"]["status"]) == ([], "SUCCEEDED")
    assert _charges(cluster) == sorted((payment.intent["id"], True) for payment in (slow, well))


async def test_a_refund_is_over_at_the_limit_and_found_out_later(cluster: Cluster) -> None:
    async with _one_lane(cluster) as application:
        paid = [await _prepared(cluster, application, number) for number in (1, 2)]
        for payment in paid:
            await application.buyer.do("confirmPayment", paymentId=payment.id, **CARD, key=key())
        one_key, rule = key(), _trickle(cluster, "/v1/refunds", method="POST", times=1)
        slow, well = [
            {"paymentId": payment.id, "amount": {"amount": 3_000, "currency": "USD"}, "reason": "OTHER"}
            for payment in paid
        ]
        calling = asyncio.create_task(_timed(application.staff.do("refundPayment", input=slow, key=one_key)))
        await _trickles(cluster, rule)
        other = await application.staff.do("refundPayment", input=well, key=key())
        unknown, took = await calling
        known = await settled(application.staff, "refundPayment", one_key, input=slow)

    _is_unknown(unknown)
    assert took < LATEST_SECONDS
    assert other["refund"]["status"] == known["refund"]["status"] == "SUCCEEDED"
    made = [(refund["payment_intent"], refund["amount"]) for refund in cluster.sandbox.snapshot().refunds]
    assert sorted(made) == sorted((payment.intent["id"], 3_000) for payment in paid)


@pytest.mark.parametrize("look", ["syncPayment", "paymentConfirmation"])
async def test_readers_looks_leave_their_places_to_others(cluster: Cluster, look: str) -> None:
    """Every slot for reads is taken by a trickling one, and later there is space for one that does not trickle."""

    async def ask(payment: Prepared) -> Json:
        if look == "syncPayment":
            return await application.staff.do("syncPayment", paymentId=payment.id)
        return dict((await application.buyer.post(CONFIRMATION_OF, {"id": payment.id})).json())

    def is_answered(heard: Json) -> bool:
        return heard["errors"] == [] if look == "syncPayment" else "errors" not in heard

    async def is_well() -> bool:
        return is_answered(await ask(well))

    async with _one_lane(cluster) as application:
        slow = [await _prepared(cluster, application, number) for number in range(AT_ONCE)]
        well = await _prepared(cluster, application, AT_ONCE)
        rule = _trickle(cluster, "|".join(payment.path for payment in slow), method="GET")
        calling = [asyncio.create_task(_timed(ask(payment))) for payment in slow]
        await _trickles(cluster, rule, AT_ONCE)
        served = await _until(is_well)
        told = await asyncio.gather(*calling)
        cluster.sandbox.clear_faults()
        await _until(lambda: _all(ask, slow, is_answered))

    assert served < LATEST_SECONDS
    assert max(took for _, took in told) < LATEST_SECONDS
    assert not any(is_answered(heard) for heard, _ in told)


async def _all(
    ask: Callable[[Prepared], Awaitable[Json]], payments: list[Prepared], is_answered: Callable[[Json], bool]
) -> bool:
    return all([is_answered(await ask(payment)) for payment in payments])


async def test_the_webhook_workers_lane_goes_on_with_other_events(cluster: Cluster, database_url: str) -> None:
    async with _one_lane(cluster, worker_webhooks=True) as application, _looking(database_url) as books:
        slow, well = [await _prepared(cluster, application, number) for number in (1, 2)]
        for payment in (slow, well):
            await payment.confirmed_by_browser()
        rule = _trickle(cluster, slow.path)
        await slow.told(application)
        await _trickles(cluster, rule)
        await well.told(application)
        took = await well.succeeds(books)
        meanwhile = await books.fetchval(STATUS, slow.intent["id"])
        waiting = await books.fetchval(WAITING_EVENTS)
        cluster.sandbox.clear_faults()
        await slow.succeeds(books)
        await _until(lambda: _is(books, WAITING_EVENTS, 0))
        dead = await books.fetchval(DEAD_EVENTS)

    assert took < LATEST_SECONDS
    assert (meanwhile, waiting, dead) == ("REQUIRES_PAYMENT_METHOD", 1, 0)


async def test_the_janitors_lane_goes_on_with_other_operations(cluster: Cluster, database_url: str) -> None:
    async with _one_lane(cluster, worker_janitor=True) as application, _looking(database_url) as books:
        slow, well = [await _prepared(cluster, application, number) for number in (1, 2)]
        rule = _trickle(cluster, slow.path)
        unknown = await application.buyer.do("confirmPayment", paymentId=slow.id, **CARD, key=key())
        await _trickles(cluster, rule, 2)  # the janitor has sent it again
        cluster.sandbox.fault(kind="drop_after", path=well.path)
        dropped = await application.buyer.do("confirmPayment", paymentId=well.id, **CARD, key=key())
        took = await well.succeeds(books)
        meanwhile = await books.fetchval(STATUS, slow.intent["id"])
        cluster.sandbox.clear_faults()
        await slow.succeeds(books)

    _is_unknown(unknown)
    _is_unknown(dropped)
    assert took < LATEST_SECONDS
    assert meanwhile == "UNKNOWN"
    assert _charges(cluster) == sorted((payment.intent["id"], True) for payment in (slow, well))


async def test_the_poller_asks_for_its_page_again(cluster: Cluster, database_url: str) -> None:
    layers = {"worker_poller": True, "worker_webhooks": True, "poll_interval_seconds": 0.2}
    rule = _trickle(cluster, "/v1/events", method="GET")
    async with _one_lane(cluster, **layers) as application, _looking(database_url) as books:
        unheard = await _prepared(cluster, application, 1)
        await unheard.confirmed_by_browser()
        await _trickles(cluster, rule)
        paid = await application.buyer.do(
            "confirmPayment", paymentId=(await _prepared(cluster, application, 2)).id, **CARD, key=key()
        )
        again = await _trickles(cluster, rule, _times(cluster, rule) + 1)
        cluster.sandbox.clear_faults()
        await unheard.succeeds(books)

    assert paid["payment"]["status"] == "SUCCEEDED"
    assert again < LATEST_SECONDS


async def test_a_reconciliation_begins_again_and_ends(cluster: Cluster, database_url: str) -> None:
    layers = {"worker_reconciler": True, "reconcile_interval_seconds": 0.5}
    rule = _trickle(cluster, "/v1/payment_intents", method="GET")
    async with _one_lane(cluster, **layers) as application, _looking(database_url) as books:
        await _prepared(cluster, application, 1)
        await _trickles(cluster, rule)
        paid = await application.buyer.do(
            "confirmPayment", paymentId=(await _prepared(cluster, application, 2)).id, **CARD, key=key()
        )
        again = await _trickles(cluster, rule, _times(cluster, rule) + 1)
        finished = await books.fetchval(FINISHED_RUNS)
        cluster.sandbox.clear_faults()
        await _until(lambda: _has_finished(books))

    assert paid["payment"]["status"] == "SUCCEEDED"
    assert again < LATEST_SECONDS
    assert finished == 0


def _times(cluster: Cluster, rule: int) -> int:
    return next(int(fault["fired"]) for fault in cluster.sandbox.faults() if fault["id"] == rule)


async def _has_finished(books: asyncpg.Connection) -> bool:
    return bool(await books.fetchval(FINISHED_RUNS) > 0)
