"""A shop with a day's payments, and faults seeded into it behind the application's back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from database.statements import query_rows
from domain.states import DiscrepancyState
from models import Discrepancy, ReconciliationRun
from services.reconciliation.runs import Reconciler, Window
from tests.support.rows import row_id
from tests.support.shop import Json, Shop, key


def window() -> Window:
    """Return a window around all that a test has made."""
    now = datetime.now(UTC)
    return Window(now - timedelta(hours=1), now + timedelta(minutes=1))


def reconciler(shop: Shop, **changes: Any) -> Reconciler:
    return Reconciler(shop.runtime.runner.provider, shop.runtime.endpoint, **changes)


async def reconcile(shop: Shop, *, repair: bool = False) -> ReconciliationRun:
    """Reconcile everything once."""
    run = await reconciler(shop).run(window(), repair=repair)
    assert run is not None
    assert run.finished_at is not None
    return run


async def found() -> list[tuple[str, str]]:
    """Return the kind and subject of all open findings."""
    open_rows = await Discrepancy.filter(state=DiscrepancyState.OPEN)
    return sorted((row.kind.value, row.subject) for row in open_rows)


async def business(shop: Shop) -> list[Json]:
    """Create a few payments of every kind, with their webhooks applied: paid, refunded, declined, held, prepared."""
    first, second = await shop.paid(), await shop.paid(2_500)
    await shop.refund(first["id"], 1_000)
    await shop.pay(await shop.order(), method="pm_card_chargeDeclined")
    held = await shop.pay(await shop.order(), captureMethod="MANUAL")
    await shop.prepared()
    await shop.deliver()
    return [first, second, held["payment"]]


async def change(statement: str, *values: Any) -> None:
    """Change our rows past all rules."""
    await query_rows(statement, values)


async def intent_of(payment: Json) -> str:
    found_rows = await query_rows(
        "SELECT stripe_payment_intent_id AS id FROM payment WHERE id = $1", [row_id(payment["id"])]
    )
    return str(found_rows[0]["id"])


async def stripe_post(shop: Shop, path: str, given: Json) -> Json:
    """Send the offline Stripe a request that this application did not send."""
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as http:
        headers = {"Authorization": "Bearer sk_test_offline", "Idempotency-Key": key()}
        response = await http.post(path, data=given, headers=headers)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def rewrite(shop: Shop, kind: str, edit: Callable[[Json], Any], *, number: int = -1) -> str:
    """Change one of Stripe's objects past all rules, by default the newest of its kind; returns its id."""
    store = shop.sandbox._store
    thing = store.every(kind)[number]
    edit(thing)
    store.save(thing)
    return str(thing["id"])


async def disputed(shop: Shop, amount: int = 4_000) -> Json:
    """Create a partly disputed payment, known to our row."""
    payment = await shop.paid()
    await shop.stripe("disputes", {"payment_intent": await intent_of(payment), "amount": amount})
    await shop.deliver()
    return payment


async def booked(shop: Shop) -> None:
    """Let the fees and the balance transactions become known."""
    shop.sandbox.settle()
    await shop.deliver()
