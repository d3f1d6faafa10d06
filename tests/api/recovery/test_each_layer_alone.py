"""Each layer of recovery alone brings a payment to its end after an answer was lost (scenario 10), and only once.

Stripe executed the request, and its answer never arrived. Everything else is off: no other layer helps.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from models import Operation
from tests.api.recovery.layers import LAYERS, apply_webhooks, patient_shop, run_janitor
from tests.support.customers import with_default
from tests.support.shop import Client, Json, Shop, key

BACK = "https://shop.example/back"
USD_100 = {"amount": 10_000, "currency": "USD"}


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with patient_shop(database_url, tmp_path / "state") as opened:
        yield opened


@dataclass(frozen=True)
class Act:
    """One call, the request to Stripe whose answer is lost, and the payment's final state.

    Stripe makes no event of what is `silent`: there the payer's next attempt makes one.
    """

    mutation: str
    lost: str
    end: Json
    given: Callable[[Shop], Awaitable[Json]]
    silent: bool = False


async def _creating(shop: Shop) -> Json:
    return {"input": {"orderId": await shop.order(), "expectedAmount": USD_100}}


async def _paying(shop: Shop) -> Json:
    new = {"orderId": await shop.order(), "expectedAmount": USD_100}
    return {"input": new | {"paymentMethodId": "pm_card_visa", "confirm": True}}


async def _paying_off_session(shop: Shop) -> Json:
    await with_default(shop)
    return {"input": {"orderId": await shop.order(), "expectedAmount": USD_100}}


async def _confirming(shop: Shop) -> Json:
    payment = await shop.prepared()
    return {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": BACK}


async def _capturing(shop: Shop) -> Json:
    held = await shop.pay(await shop.order(), captureMethod="MANUAL")
    return {"input": {"paymentId": held["payment"]["id"], "amount": {"amount": 7_000, "currency": "USD"}}}


async def _canceling(shop: Shop) -> Json:
    return {"input": {"paymentId": (await shop.prepared())["id"]}}


async def _repricing(shop: Shop) -> Json:
    payment = await shop.prepared()
    query = "query P($id: ID!) { payment(id: $id) { order { externalId } } }"
    number = (await shop.staff.ask(query, id=payment["id"]))["payment"]["order"]["externalId"]
    total = {"amount": 12_000, "currency": "USD"}
    return {"input": {"externalId": number, "total": total, "customerExternalId": "buyer"}}


async def _refunding(shop: Shop) -> Json:
    amount = {"amount": 3_000, "currency": "USD"}  # there is room for a second one
    return {"input": {"paymentId": (await shop.paid())["id"], "amount": amount, "reason": "OTHER"}}


def _end(status: str, captured: int = 0, refunded: int = 0) -> Json:
    return {"status": status, "amountCaptured": {"amount": captured}, "amountRefunded": {"amount": refunded}}


INTENT = "/v1/payment_intents/[^/]+/"
ACTS = {
    "create": Act("createPayment", "/v1/payment_intents", _end("REQUIRES_PAYMENT_METHOD"), _creating),
    "pay": Act("createPayment", f"{INTENT}confirm", _end("SUCCEEDED", 10_000), _paying),
    "pay off-session": Act(
        "createOffSessionPayment", "/v1/payment_intents", _end("SUCCEEDED", 10_000), _paying_off_session
    ),
    "confirm": Act("confirmPayment", f"{INTENT}confirm", _end("SUCCEEDED", 10_000), _confirming),
    "reprice": Act(
        "registerOrder",
        "/v1/payment_intents/[^/]+",
        _end("REQUIRES_PAYMENT_METHOD") | {"amount": {"amount": 12_000, "currency": "USD", "decimal": "120.00"}},
        _repricing,
        silent=True,
    ),
    "capture": Act("capturePayment", f"{INTENT}capture", _end("SUCCEEDED", 7_000), _capturing),
    "cancel": Act("cancelPayment", f"{INTENT}cancel", _end("CANCELED"), _canceling),
    "refund": Act("refundPayment", "/v1/refunds", _end("SUCCEEDED", 10_000, 3_000), _refunding),
}
BY_STAFF = ("registerOrder", "createOffSessionPayment", "capturePayment", "refundPayment")


def _moved(shop: Shop) -> tuple[int, int, int]:
    """Count the intents, charges and refunds that Stripe has made."""
    books = shop.sandbox.snapshot()
    return len(books.payment_intents), len(books.charges), len(books.refunds)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", ACTS)
async def test_scenario_10_each_layer_alone_finds_out_what_became_of_each_act(
    shop: Shop, name: str, layer: str
) -> None:
    act, with_key = ACTS[name], key()
    client: Client = shop.staff if act.mutation in BY_STAFF else shop.buyer
    given = await act.given(shop)
    await apply_webhooks(shop, lambda: client.ask("{ __typename }"))
    shop.sandbox.fault(kind="drop_after", method="POST", path=act.lost)

    lost = await client.do(act.mutation, **given, key=with_key)
    shop.sandbox.clear_faults()
    if act.silent and layer in ("webhooks", "poller"):
        await shop.browser_confirms("pm_card_chargeDeclined")
    moved = _moved(shop)
    await LAYERS[layer](shop, lambda: client.do(act.mutation, **given, key=with_key))
    payment = await shop.payment(lost["payment"]["id"])
    await run_janitor(shop, lambda: client.ask("{ __typename }"))
    await shop.deliver()
    later = await shop.payment(lost["payment"]["id"])

    assert [error["code"] for error in lost["errors"]] == ["OUTCOME_UNKNOWN"]
    assert {field: payment[field] for field in act.end} == act.end
    assert payment["amountRefundPending"] == {"amount": 0}
    assert {field: later[field] for field in act.end} == act.end
    assert _moved(shop) == moved
    assert (await Operation.all().order_by("-created_at").first()).state == "SUCCEEDED"  # type: ignore[union-attr]
