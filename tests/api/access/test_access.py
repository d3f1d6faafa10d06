"""Permissions and visibility; a foreign id looks like a missing one (scenario 44)."""

import pytest

from models import Operation
from tests.support.shop import Client, Json, Shop, key, token

MISSING_PAYMENT = "payment_01h455vb4pex5vsknk084sn02q"
MISSING_ORDER = "order_01h455vb4pex5vsknk084sn02q"


async def test_a_foreign_payment_looks_like_a_missing_one(shop: Shop) -> None:
    payment = await shop.paid()
    query = "query P($id: ID!) { payment(id: $id) { id status } node(id: $id) { id } }"

    foreign = await shop.stranger.ask(query, id=payment["id"])
    missing = await shop.stranger.ask(query, id=MISSING_PAYMENT)
    malformed = await shop.stranger.ask(query, id="1 OR 1=1")
    own = await shop.buyer.ask(query, id=payment["id"])

    assert foreign == missing == malformed == {"payment": None, "node": None}
    assert own["payment"]["id"] == payment["id"]


async def test_an_order_that_names_nobody_is_not_anybodys(shop: Shop) -> None:
    """Two buyers without any order are not the same person."""
    given = {"externalId": "nobodys", "total": {"amount": 10_000, "currency": "USD"}}
    order_id = (await shop.staff.do("registerOrder", input=given, key=key()))["order"]["id"]
    paying = {"orderId": order_id, "expectedAmount": given["total"], "paymentMethodId": "pm_card_visa", "confirm": True}
    payment = (await shop.staff.do("createPayment", input=paying, key=key()))["payment"]
    unnamed = Client(shop.http, token("unnamed", "payments:pay"))
    query = """query N($order: ID!, $payment: ID!) {
      order(id: $order) { id } node(id: $order) { id }
      payment(id: $payment) { id } payments(first: 5) { nodes { id } } }"""

    seen = await unnamed.ask(query, order=order_id, payment=payment["id"])
    refused = await unnamed.do("createPayment", input=paying, key=key())

    assert seen == {"order": None, "payment": None, "payments": {"nodes": []}, "node": None}
    assert [error["code"] for error in refused["errors"]] == ["NOT_FOUND"]


async def test_a_foreign_order_cannot_be_paid_and_says_no_more_than_a_missing_one(shop: Shop) -> None:
    order_id = await shop.order()

    def pay(client: Client, order: str) -> object:
        given = {
            "orderId": order,
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
        }
        return client.do("createPayment", input=given, key=key())

    foreign: Json = await pay(shop.stranger, order_id)  # type: ignore[misc]  # a coroutine, typed as object
    missing: Json = await pay(shop.stranger, MISSING_ORDER)  # type: ignore[misc]

    for payload in (foreign, missing):
        payload["errors"][0]["requestId"] = None
    assert foreign == missing
    assert foreign["errors"][0]["code"] == "NOT_FOUND"
    assert shop.sandbox.snapshot().requests == []
    assert await Operation.filter(kind="CREATE_PAYMENT").count() == 0


@pytest.mark.parametrize(
    ("mutation", "variables"),
    [
        ("capturePayment", {"input": {"paymentId": "PAYMENT"}}),
        ("refundPayment", {"input": {"paymentId": "PAYMENT", "reason": "OTHER"}}),
        (
            "registerOrder",
            {"input": {"externalId": "mine-for-nothing", "total": {"amount": 50, "currency": "USD"}}},
        ),
    ],
)
async def test_a_buyer_does_not_do_what_staff_does(shop: Shop, mutation: str, variables: Json) -> None:
    payment = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    calls = len(shop.sandbox.snapshot().requests)
    given = {
        name: {k: payment["id"] if v == "PAYMENT" else v for k, v in value.items()} for name, value in variables.items()
    }

    payload = await shop.buyer.do(mutation, **given, key=key())

    assert [e["code"] for e in payload["errors"]] == ["FORBIDDEN"]
    assert len(shop.sandbox.snapshot().requests) == calls


async def test_nobody_is_told_to_sign_in(shop: Shop) -> None:
    payment = await shop.paid()

    response = await shop.anonymous.post("query P($id: ID!) { payment(id: $id) { id } }", {"id": payment["id"]})

    answer = response.json()
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert not (answer.get("data") or {}).get("payment")


async def test_a_buyers_list_has_only_their_own_payments(shop: Shop) -> None:
    mine = await shop.paid()
    query = "{ payments(first: 10) { nodes { id } totalCount } }"

    own = (await shop.buyer.ask(query))["payments"]
    foreign = (await shop.stranger.ask(query))["payments"]
    staff = (await shop.staff.ask(query))["payments"]

    assert own == staff == {"nodes": [{"id": mine["id"]}], "totalCount": 1}
    assert foreign == {"nodes": [], "totalCount": 0}


async def test_a_view_token_shows_one_order_and_nothing_else(shop: Shop) -> None:
    order_id, other = await shop.order(), await shop.order()
    created = await shop.buyer.ask(
        """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
             createPayment(input: $input, idempotencyKey: $key) { viewToken payment { id } } }""",
        input={"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}},
        key=key(),
    )
    viewer = Client(shop.http, created["createPayment"]["viewToken"])
    query = "query O($id: ID!) { order(id: $id) { id paymentStatus payments { nodes { status } } } }"

    seen = (await viewer.ask(query, id=order_id))["order"]
    foreign = (await viewer.ask(query, id=other))["order"]
    acted = await viewer.do("cancelPayment", input={"paymentId": created["createPayment"]["payment"]["id"]}, key=key())

    assert seen["paymentStatus"] == "UNPAID"
    assert len(seen["payments"]["nodes"]) == 1
    assert foreign is None
    assert acted["errors"][0]["code"] in ("FORBIDDEN", "NOT_FOUND")


async def test_stripes_ids_are_for_staff(shop: Shop) -> None:
    payment = await shop.paid()
    query = "query P($id: ID!) { payment(id: $id) { id stripePaymentIntentId } }"

    staff = (await shop.staff.ask(query, id=payment["id"]))["payment"]
    buyer = (await shop.buyer.post(query, {"id": payment["id"]})).json()

    assert staff["stripePaymentIntentId"].startswith("pi_")
    assert ((buyer.get("data") or {}).get("payment") or {}).get("stripePaymentIntentId") is None


async def test_a_token_that_is_signed_by_somebody_else_is_refused(shop: Shop) -> None:
    good = token("clerk", "payments:read")
    head, body, _ = good.split(".")
    forged = Client(shop.http, f"{head}.{body}.AAAA")

    response = await forged.post("{ viewer { scopes } }")

    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
