"""Stripe's objects and our books, for tests in which another program uses the same account.

The test controls of the offline Stripe are that program: it changes amounts and currencies, captures, cancels and
refunds.
"""

import asyncio
from datetime import UTC, datetime

from domain.states import MONEY_KINDS, WebhookState
from models import Discrepancy, PaymentEvent, WebhookEvent
from services.audit.trail import SYSTEM, Cause, find_broken_chains
from services.money.sync import refresh_payment
from services.reconciliation.runs import Reconciler, Window
from tests.support.rows import row_id
from tests.support.shop import Json, Shop, key

MONEY = """query P($id: ID!) { payment(id: $id) {
  status allowedActions version
  amount { amount currency } providerAmount { amount currency } amountCapturable { amount currency }
  amountCaptured { amount currency } amountRefunded { amount currency } amountRefundable { amount currency }
  amountDisputed { amount } refunds { status amount { amount currency } }
  order { paymentStatus amountDue { amount } amountPaid { amount currency } amountRefunded { amount } }
} }"""


async def money(shop: Shop, payment_id: str) -> Json:
    payment: Json = (await shop.staff.ask(MONEY, id=payment_id))["payment"]
    return payment


async def held(shop: Shop, amount: int = 10_000) -> Json:
    """Create an authorized payment, on an order with manual capture."""
    payload = await shop.staff.do(
        "createPayment",
        input={
            "orderId": await shop.order(amount),
            "expectedAmount": {"amount": amount, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
            "captureMethod": "MANUAL",
        },
        key=key(),
    )
    assert payload["payment"]["status"] == "REQUIRES_CAPTURE", payload
    payment: Json = payload["payment"]
    return payment


async def held_by_card(shop: Shop, option: str) -> Json:
    """Create a payment authorized on a card that supports this option of Stripe's."""
    payload = await shop.staff.do(
        "createPayment",
        input={
            "orderId": await shop.order(),
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "captureMethod": "MANUAL",
        },
        key=key(),
    )
    options = {"payment_method_options": {"card": {option: "if_available"}}}
    await shop.stripe(f"payment_intents/{intent_id(shop)}", options)
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()
    payment: Json = payload["payment"]
    assert (await money(shop, payment["id"]))["status"] == "REQUIRES_CAPTURE"
    return payment


def intent_id(shop: Shop) -> str:
    return str(shop.sandbox.snapshot().payment_intents[-1]["id"])


async def another_process_looks(shop: Shop, payment_id: str) -> None:
    """Read the payment in a process of its own, which knows nothing of the reads under way here."""
    cause = Cause(actor=SYSTEM)
    await refresh_payment(row_id(payment_id), provider=shop.runtime.runner.provider, cause=cause)


async def sync(shop: Shop, payment_id: str) -> None:
    payload = await shop.staff.do("syncPayment", paymentId=payment_id)
    assert payload["errors"] == []


async def reconciled(shop: Shop, *, repair: bool = False) -> list[Discrepancy]:
    """Reconcile everything; returns the open findings about money."""
    reconciler = Reconciler(shop.runtime.runner.provider, shop.runtime.endpoint)
    run = await reconciler.run(
        Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)), repair=repair
    )
    assert run is not None
    assert run.finished_at is not None
    return await Discrepancy.filter(state="OPEN", kind__in=list(MONEY_KINDS)).order_by("kind")


async def nothing_is_dead(shop: Shop) -> None:
    await shop.deliver()
    assert await WebhookEvent.filter(state__in=[WebhookState.DEAD, WebhookState.FAILED]).count() == 0
    assert await find_broken_chains([event.order_id for event in await PaymentEvent.all()]) == {}


async def reached(shop: Shop, number: int) -> None:
    async with asyncio.timeout(20):
        while not any(rule["fired"] for rule in shop.sandbox.faults() if rule["id"] == number):
            await asyncio.sleep(0.005)


async def refund_at_stripe(shop: Shop) -> str:
    return str(shop.sandbox.snapshot().refunds[-1]["id"])
