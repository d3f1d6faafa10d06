"""Money that comes too late, or is too much: the order is paid once, and what pays nothing is seen and never kept."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from services.reconciliation.runs import Window
from tests.api.delayed.ways import CURRENCIES, DAY, TRANSFER, begun, send_transfer, shown
from tests.reconcile.faults import reconciler
from tests.support.customers import at_stripe
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES)

BACK = "https://shop.example/back"
FOUND = (
    "{ discrepancies(first: 20, state: [OPEN, REPAIRED, ACCEPTED]) { nodes { kind local provider state resolution } } }"
)


async def _by_card(shop: Shop, payment_id: str) -> None:
    given = {"paymentId": payment_id, "paymentMethodId": "pm_card_visa", "returnUrl": BACK}
    assert (await shop.buyer.do("confirmPayment", input=given, key=key()))["errors"] == []


async def _given_up(shop: Shop, payment_id: str) -> None:
    assert (await shop.buyer.do("cancelPayment", input={"paymentId": payment_id}, key=key()))["errors"] == []


async def _too_much(shop: Shop) -> None:
    await begun(shop, TRANSFER)
    await send_transfer(shop, 10_500)


async def _paid_by_card_before_it_came(shop: Shop) -> None:
    payment = await begun(shop, TRANSFER)
    await _by_card(shop, payment["id"])
    shop.sandbox.advance(2 * DAY)
    await send_transfer(shop, 10_000)


async def _paid_by_card_when_part_was_there(shop: Shop) -> None:
    payment = await begun(shop, TRANSFER)
    await send_transfer(shop, 4_000)
    await shop.deliver()
    await _by_card(shop, payment["id"])


async def _given_up_when_part_was_there(shop: Shop) -> None:
    payment = await begun(shop, TRANSFER)
    await send_transfer(shop, 4_000)
    await shop.deliver()
    await _given_up(shop, payment["id"])


async def _given_back(shop: Shop) -> None:
    """A refund of a transfer goes to the customer's balance at Stripe, and not to their bank."""
    payment = await begun(shop, TRANSFER)
    await send_transfer(shop, 10_000)
    await shop.deliver()
    given = {"paymentId": payment["id"], "amount": {"amount": 3_000, "currency": "EUR"}, "reason": "OTHER"}
    assert (await shop.staff.do("refundPayment", input=given, key=key()))["errors"] == []


# What happens, what pays nothing then, and what the order has got.
LATE: dict[str, tuple[Callable[[Shop], Awaitable[None]], int, int]] = {
    "too much": (_too_much, 500, 10_000),
    "after a card": (_paid_by_card_before_it_came, 10_000, 10_000),
    "in part before a card": (_paid_by_card_when_part_was_there, 4_000, 10_000),
    "in part, and given up": (_given_up_when_part_was_there, 4_000, 0),
    "given back": (_given_back, 3_000, 10_000),
}


async def _deliver(shop: Shop) -> None:
    await shop.deliver()


async def _poll(shop: Shop) -> None:
    await shop.runtime.worker.poll()
    while await shop.runtime.worker.apply_next():
        pass


async def _reconcile(shop: Shop) -> None:
    """Reconcile the last days, without a repair."""
    now = datetime.fromtimestamp(shop.sandbox._store.now(), UTC)
    run = await reconciler(shop).run(Window(now - timedelta(days=3), now + timedelta(minutes=1)), repair=False)
    assert run is not None


LAYERS: dict[str, Callable[[Shop], Awaitable[None]]] = {"webhooks": _deliver, "poller": _poll, "a run": _reconcile}


async def _found(shop: Shop) -> list[Json]:
    """Return the findings of money that pays nothing, as the staff see them."""
    nodes: list[Json] = (await shop.staff.ask(FOUND))["discrepancies"]["nodes"]
    return [one for one in nodes if one["kind"] == "UNAPPLIED_FUNDS"]


async def _paid(shop: Shop) -> list[int]:
    """Return what each order has got, the oldest first."""
    nodes = (await shop.staff.ask("{ payments(first: 9) { nodes { id } } }"))["payments"]["nodes"]
    return [(await shown(shop.staff, one["id"]))["order"]["amountPaid"]["amount"] for one in reversed(nodes)]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", LATE)
async def test_money_that_pays_nothing_is_seen_and_the_order_is_paid_once(shop: Shop, name: str, layer: str) -> None:
    happens, unapplied, paid = LATE[name]
    await happens(shop)

    await LAYERS[layer](shop)

    [finding] = await _found(shop)
    assert finding["state"] == "OPEN"
    assert finding["provider"] == {"currency": "EUR", "amount_minor": unapplied}
    assert finding["local"]["customer_id"]
    await shop.deliver()
    assert await _paid(shop) == [paid]
    assert len(await _found(shop)) == 1


async def test_it_is_an_alarm_with_the_customer_and_the_amount(shop: Shop) -> None:
    await _too_much(shop)

    with capture_logs() as logs:
        await shop.deliver()

    [finding] = await _found(shop)
    alarms = [line for line in logs if line["event"] == "customer.funds_unapplied"]
    assert alarms != []
    assert {(line["log_level"], line["currency"], line["amount_minor"]) for line in alarms} == {("error", "EUR", 500)}
    assert {line["customer"] for line in alarms} == {finding["local"]["customer_id"]}


async def test_a_transfer_of_just_the_amount_is_no_alarm(shop: Shop) -> None:
    await begun(shop, TRANSFER)
    await send_transfer(shop, 10_000)

    with capture_logs() as logs:
        await shop.deliver()

    assert await _found(shop) == []
    assert [line for line in logs if line["log_level"] == "error"] == []


async def test_the_finding_closes_when_the_money_pays_another_order(shop: Shop) -> None:
    await _too_much(shop)
    await shop.deliver()
    [before] = await _found(shop)

    another = await begun(shop, TRANSFER)
    await shop.deliver()

    [after] = await _found(shop)
    assert (before["state"], after["state"]) == ("OPEN", "REPAIRED")
    assert after["resolution"] == "Stripe has applied the money to a payment, or returned it."
    assert (await shown(shop.staff, another["id"]))["amountRemaining"] == {"amount": 9_500}
    assert await _paid(shop) == [10_000, 0]


async def test_a_run_closes_it_when_nobody_heard_of_the_money_being_applied(shop: Shop) -> None:
    await _too_much(shop)
    await shop.deliver()
    await _begin_unheard(shop)

    await _reconcile(shop)

    [finding] = await _found(shop)
    assert finding["state"] == "REPAIRED"


async def _begin_unheard(shop: Shop) -> None:
    """Begin another transfer, which takes what is left, with every webhook lost."""
    shop.sandbox.fault(kind="webhook_drop", times=1_000)
    await begun(shop, TRANSFER)
    shop.sandbox.clear_faults()


async def test_thin_events_of_it_are_heard_too(shop: Shop) -> None:
    shop.sandbox.set_up(event_payload="thin")
    await _too_much(shop)

    await shop.deliver()

    [finding] = await _found(shop)
    assert finding["provider"] == {"currency": "EUR", "amount_minor": 500}


async def test_the_money_of_somebody_who_is_no_customer_of_ours_is_left_alone(shop: Shop) -> None:
    made = await at_stripe(shop, "POST", "/v1/customers")
    path = f"/v1/test_helpers/customers/{made['id']}/fund_cash_balance"
    await at_stripe(shop, "POST", path, amount=500, currency="eur")

    await shop.deliver()
    await _reconcile(shop)

    assert await _found(shop) == []
