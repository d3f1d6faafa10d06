"""The demo shop: an order and a buyer's token for each visitor, on a development machine alone."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from server.app import create_app
from tests.support.shop import Client, Shop, key, settings_for

REAL_STRIPE = {"stripe_secret_key": "sk_test_1", "stripe_webhook_secrets": "whsec_1"}
PRODUCTION = {
    "environment": "production",
    "stripe_secret_key": "sk_live_1",
    "stripe_webhook_secrets": "whsec_c2lnbmVkIGJ5IHN0cmlwZQ",
    "rate_limits": "process",
    "sandbox_faults": False,
}


async def test_only_the_demo_offers_tokens(shop: Shop) -> None:
    session = await shop.http.get("/explorer/session.json", headers={"Host": "127.0.0.1"})

    assert session.json() == {"livemode": False, "tokens": [], "orders": []}


ORDER = "query($id: ID!) { order(id: $id) { paymentStatus amountDue { amount currency } } }"


async def test_the_demo_shop_hands_a_visitor_an_order_and_a_token_for_it(shop: Shop) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    buyer = Client(shop.http, welcome["token"])

    assert (await buyer.ask(ORDER, id=welcome["orderId"]))["order"] == {
        "paymentStatus": "UNPAID",
        "amountDue": {"amount": sum(line["amount"] for line in welcome["basket"]), "currency": "USD"},
    }


async def test_a_visitor_who_comes_back_is_known_and_a_stranger_sees_nothing(shop: Shop) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    back = (await shop.http.post("/checkout/shop/token")).json()
    shop.http.cookies.clear()
    unknown = await shop.http.post("/checkout/shop/token")
    other = (await shop.http.post("/checkout/shop/orders")).json()

    seen = [await Client(shop.http, who["token"]).ask(ORDER, id=welcome["orderId"]) for who in (back, other)]

    assert seen[0]["order"]["paymentStatus"] == "UNPAID"
    assert seen[1]["order"] is None
    assert unknown.status_code == 401


async def test_the_demo_shops_cookie_is_for_its_own_page_alone(shop: Shop) -> None:
    response = await shop.http.post("/checkout/shop/orders")

    cookie = response.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/checkout"))
    assert shop.http.cookies["shop_visitor"] not in response.text


async def test_a_visitors_token_pays_and_does_nothing_else(shop: Shop) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    buyer = Client(shop.http, welcome["token"])

    answer = (await buyer.post("{ integrity { healthy } }")).json()

    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def wish(order_id: str, delivery: str = "express", named: str = "a-wish-of-the-buyer") -> dict[str, str]:
    return {"orderId": order_id, "delivery": delivery, "key": named}


async def due(buyer: Client, order_id: str) -> tuple[str, int]:
    order = (await buyer.ask(ORDER, id=order_id))["order"]
    return order["paymentStatus"], order["amountDue"]["amount"]


async def test_a_delivery_costs_what_the_shop_says_and_once(shop: Shop) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    buyer, order_id = Client(shop.http, welcome["token"]), welcome["orderId"]
    goods = sum(line["amount"] for line in welcome["basket"])

    seen = []
    for given in (wish(order_id), wish(order_id), wish(order_id, "standard", "another-wish-of-the-buyer")):
        answer = await shop.http.post("/checkout/shop/delivery", json=given)
        seen.append((answer.status_code, (await due(buyer, order_id))[1] - goods))

    assert [(one["name"], one["amount"]) for one in welcome["deliveries"]] == [("standard", 0), ("express", 1200)]
    assert seen == [(200, 1200), (200, 1200), (200, 0)]


async def test_a_paid_orders_delivery_is_refused_for_good(shop: Shop) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    buyer, order_id = Client(shop.http, welcome["token"]), welcome["orderId"]
    expected = {"amount": (await due(buyer, order_id))[1], "currency": "USD"}
    paid = {"orderId": order_id, "expectedAmount": expected, "paymentMethodId": "pm_card_visa", "confirm": True}
    await buyer.do("createPayment", input=paid, key=key())

    answer = await shop.http.post("/checkout/shop/delivery", json=wish(order_id))

    assert (answer.status_code, answer.json()) == (409, {"error": "INVALID_STATE"})
    assert await due(buyer, order_id) == ("PAID", 0)


@pytest.mark.shop_settings(sticky_error_seconds=0.2, unknown_grace_seconds=0.1)
async def test_a_delivery_that_stripe_did_not_answer_is_asked_for_again_with_its_key(shop: Shop) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    buyer, order_id = Client(shop.http, welcome["token"]), welcome["orderId"]
    _, goods = await due(buyer, order_id)
    begun = {"orderId": order_id, "expectedAmount": {"amount": goods, "currency": "USD"}}
    await buyer.do("createPayment", input=begun, key=key())
    fault = shop.sandbox.fault(kind="drop_before", method="POST", path="/v1/payment_intents/[^/]+", times=99)

    unknown = await shop.http.post("/checkout/shop/delivery", json=wish(order_id))
    before = await due(buyer, order_id)
    shop.sandbox.clear_faults(fault)
    known = await shop.http.post("/checkout/shop/delivery", json=wish(order_id))

    assert (unknown.status_code, before[1]) == (503, goods)
    assert (known.status_code, (await due(buyer, order_id))[1]) == (200, goods + 1200)


async def test_nobody_chooses_the_delivery_of_somebody_elses_order(shop: Shop) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    before = await due(Client(shop.http, welcome["token"]), welcome["orderId"])
    shop.http.cookies.clear()
    unknown = await shop.http.post("/checkout/shop/delivery", json=wish(welcome["orderId"]))
    await shop.http.post("/checkout/shop/orders")

    foreign = await shop.http.post("/checkout/shop/delivery", json=wish(welcome["orderId"]))

    assert (unknown.status_code, foreign.status_code) == (401, 404)
    assert await due(Client(shop.http, welcome["token"]), welcome["orderId"]) == before


@pytest.mark.parametrize(
    "changes",
    [{"delivery": "by-horse"}, {"delivery": 1}, {"key": "short"}, {"key": "a" * 65}, {"orderId": None}, None],
    ids=str,
)
async def test_a_wish_that_names_no_delivery_or_key_is_none(shop: Shop, changes: dict[str, Any] | None) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()
    given = wish(welcome["orderId"]) | changes if changes is not None else []

    answer = await shop.http.post("/checkout/shop/delivery", json=given)

    assert answer.status_code == 400


@pytest.mark.parametrize("changes", [{"more": "x" * 5_000}, {"more": [[]] * 2_000}], ids=["in one text", "in a list"])
async def test_a_wish_that_is_too_large_is_not_read(shop: Shop, changes: dict[str, Any]) -> None:
    welcome = (await shop.http.post("/checkout/shop/orders")).json()

    answer = await shop.http.post("/checkout/shop/delivery", json=wish(welcome["orderId"]) | changes)

    assert answer.status_code == 413


async def test_a_wish_nested_beyond_reading_is_none(shop: Shop) -> None:
    await shop.http.post("/checkout/shop/orders")

    answer = await shop.http.post("/checkout/shop/delivery", content=b"[" * 2_000)

    assert answer.status_code == 400


SHOP_PATHS = ["/checkout/shop/orders", "/checkout/shop/token", "/checkout/shop/delivery"]


@pytest.mark.parametrize("path", SHOP_PATHS)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_the_demo_shop_answers_no_page_of_another_site(shop: Shop, path: str, site: str) -> None:
    answer = await shop.http.post(path, headers={"Sec-Fetch-Site": site})

    assert answer.status_code == 403
    assert "token" not in answer.json()


@pytest.mark.parametrize("forged", ["", "short", "a" * 33, "a" * 31 + "/"])
async def test_a_cookie_that_the_demo_shop_did_not_give_is_nobodys(shop: Shop, forged: str) -> None:
    answer = await shop.http.post("/checkout/shop/token", headers={"Cookie": f"shop_visitor={forged}"})

    assert answer.status_code == 401


@pytest.mark.parametrize("changes", [REAL_STRIPE, PRODUCTION], ids=["a real Stripe", "production"])
async def test_the_demo_shop_is_there_only_with_the_offline_stripe(tmp_path: Path, changes: dict[str, Any]) -> None:
    settings = settings_for("postgresql://nobody@localhost/none", tmp_path / "state", **changes)
    app = create_app(settings, run_worker=False)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as context:
        answer = await context.post("/checkout/shop/orders")

    assert answer.status_code == 404
