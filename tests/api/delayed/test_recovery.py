"""Each layer alone finds out what became of a method that takes days, when no webhook ever came.

The payment is older than what the layer looks at: days lie between its beginning and its end.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.reconciliation.runs import Window
from tests.api.delayed.ways import (
    BOLETO,
    CURRENCIES,
    DAY,
    MICRODEPOSITS,
    PIX,
    SEPA,
    TRANSFER,
    Way,
    begun,
    intent,
    send_transfer,
    shown,
)
from tests.reconcile.faults import reconciler
from tests.support.shop import Json, Shop

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES, repair_on_read=False)

Act = Callable[[Shop], Awaitable[Any]]


def _days(days: float) -> Act:
    async def act(shop: Shop) -> None:
        shop.sandbox.advance(days * DAY)

    return act


def _lever(name: str, *, after: float, body: Json | None = None) -> Act:
    async def act(shop: Shop) -> None:
        shop.sandbox.advance(after * DAY)
        await shop.stripe(f"payment_intents/{intent(shop)['id']}/{name}", body or {})

    return act


def _transfer(*amounts: int) -> Act:
    async def act(shop: Shop) -> None:
        shop.sandbox.advance(3 * DAY)
        for amount in amounts:
            await send_transfer(shop, amount)

    return act


# The way, what happens days later, and the payment's and its order's status then.
LATER: dict[str, tuple[Way, Act, str, str]] = {
    "a debit is paid": (SEPA, _days(5), "SUCCEEDED", "PAID"),
    "a debit fails": (Way("pm_failed_de", "EUR"), _days(5), "REQUIRES_PAYMENT_METHOD", "UNPAID"),
    "a debit is taken back": (SEPA, _lever("return", after=30), "SUCCEEDED", "DISPUTED"),
    "a transfer comes in part": (TRANSFER, _transfer(4_000), "REQUIRES_ACTION", "ACTION_REQUIRED"),
    "a transfer is complete": (TRANSFER, _transfer(4_000, 6_000), "SUCCEEDED", "PAID"),
    "a voucher is paid": (BOLETO, _lever("complete", after=2), "SUCCEEDED", "PAID"),
    "a voucher expires": (BOLETO, _days(3), "REQUIRES_PAYMENT_METHOD", "UNPAID"),
    "a code expires": (PIX, _days(1), "REQUIRES_PAYMENT_METHOD", "UNPAID"),
    "an account is verified": (MICRODEPOSITS, _lever("complete", after=2), "PROCESSING", "PENDING"),
    "an account is never verified": (MICRODEPOSITS, _days(10), "REQUIRES_PAYMENT_METHOD", "UNPAID"),
}


async def _poll(shop: Shop) -> None:
    await shop.runtime.worker.poll()
    while await shop.runtime.worker.apply_next():
        pass


async def _reconcile(shop: Shop) -> None:
    """Reconcile the last day, as every night; the payment began before it."""
    now = datetime.fromtimestamp(shop.sandbox._store.now(), UTC)
    run = await reconciler(shop).run(Window(now - timedelta(hours=12), now + timedelta(minutes=1)), repair=True)
    assert run is not None
    while await shop.runtime.worker.apply_next():
        pass


async def _sync(shop: Shop) -> None:
    [payment] = (await shop.staff.ask("{ payments(first: 1) { nodes { id } } }"))["payments"]["nodes"]
    assert (await shop.staff.do("syncPayment", paymentId=payment["id"]))["errors"] == []


LAYERS = {"poller": _poll, "reconcile --repair": _reconcile, "syncPayment": _sync}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", LATER)
async def test_each_layer_alone_finds_out_what_became_of_it(shop: Shop, name: str, layer: str) -> None:
    way, happens, status, order_status = LATER[name]
    payment = await begun(shop, way)
    if name == "a debit is taken back":
        shop.sandbox.advance(5 * DAY)
        await shop.deliver()
    before = await shown(shop.staff, payment["id"])
    await happens(shop)

    await LAYERS[layer](shop)

    after = await shown(shop.staff, payment["id"])
    assert (before["status"], before["order"]["paymentStatus"]) != (status, order_status) or before != after
    assert (after["status"], after["order"]["paymentStatus"]) == (status, order_status)
    assert after["order"]["amountPaid"] == {"amount": 10_000 if status == "SUCCEEDED" else 0}
    assert after["amountDisputed"] == {"amount": 10_000 if order_status == "DISPUTED" else 0}
    assert after["amountRemaining"] == ({"amount": 6_000} if name == "a transfer comes in part" else None)
