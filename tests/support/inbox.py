"""Shared parts of inbox tests: time that passes, webhooks that do not arrive, workers that start and poll."""

import json
import time

import stripe

from database.statements import query_rows
from tests.support.shop import WEBHOOK_SECRET, Json, Shop
from worker import Worker, WorkerJobs

INTENTS = "/v1/payment_intents/"
SEEN = "query W($state: [WebhookState!]) { webhookEvents(state: $state) { edges { node { "
SEEN += "id stripeEventId state source attempts lastError deliveredAt } } } }"
SHIFTED = {
    "webhook_event": ("received_at", "stripe_created_at", "delivered_at", "processed_at", "due"),
    "event_reading": ("read_through", "started_at", "finished_at", "due", "created_at"),
}


async def pass_time(shop: Shop, seconds: float) -> None:
    """Let this time pass for Stripe's events and for the inbox."""
    stripe_events_age(shop, seconds)
    for table, columns in SHIFTED.items():
        shifts = ", ".join(f"{column} = {column} - $1 * interval '1 second'" for column in columns)
        await query_rows(f"UPDATE {table} SET {shifts}", [seconds])


def stripe_events_age(shop: Shop, seconds: float) -> None:
    """Age every event that Stripe has made so far."""
    shop.sandbox._store.rows(
        "UPDATE object SET created = created - ?1, json = json_set(json, '$.created', created - ?1)"
        " WHERE kind = 'event'",
        int(seconds),
    )


async def all_is_due() -> None:
    """Make everything due: no event waits for a back-off, a lease or the next minute."""
    await query_rows("UPDATE webhook_event SET due = now() WHERE due IS NOT NULL")
    await query_rows("UPDATE event_reading SET due = now()")


async def nothing_is_delivered(shop: Shop) -> None:
    """Cancel the delivery of every webhook that Stripe has queued so far."""
    number = shop.sandbox.fault(kind="webhook_drop", times=1_000)
    while await shop.sandbox.deliver_due():
        pass
    shop.sandbox.clear_faults(number)


async def one_event_is_due(shop: Shop) -> Json:
    """Create a payment with one due event that changes our rows: an attempt that was declined."""
    payment = await shop.prepared()
    await nothing_is_delivered(shop)
    await shop.browser_confirms("pm_card_visa_chargeDeclined")
    await shop.sandbox.deliver_due()
    return payment


def looks(shop: Shop, path: str) -> int:
    """Count the GETs of paths with this beginning that Stripe has answered."""
    log = shop.sandbox.snapshot().requests
    return len([entry for entry in log if entry["method"] == "GET" and entry["path"].startswith(path)])


def another_worker(shop: Shop) -> Worker:
    """Start another worker, without any memory."""
    return Worker(runner=shop.runtime.runner, endpoint=shop.runtime.endpoint, jobs=WorkerJobs())


async def poll(shop: Shop) -> None:
    """Run a whole poll, as a worker does that starts when it is due."""
    await all_is_due()
    worker = another_worker(shop)
    while await worker.poll():
        pass


async def inbox_of(shop: Shop) -> list[Json]:
    query = "{ webhookEvents(first: 100) { edges { node { stripeEventId type source deliveredAt deliveryLagMs } } } }"
    return [edge["node"] for edge in (await shop.staff.ask(query))["webhookEvents"]["edges"]]


async def seen(shop: Shop, *states: str) -> list[Json]:
    """List the inbox as operators see it."""
    edges = (await shop.staff.ask(SEEN, state=list(states) or None))["webhookEvents"]["edges"]
    return [edge["node"] for edge in edges]


async def send(shop: Shop, event: Json) -> None:
    raw = json.dumps(event)
    header = stripe.WebhookSignature.generate_signature_header(raw, WEBHOOK_SECRET, timestamp=int(time.time()))
    assert (await shop.webhook(raw.encode(), header)).status_code == 200


async def apply_all(shop: Shop) -> None:
    while await shop.runtime.worker.apply_next():
        pass
