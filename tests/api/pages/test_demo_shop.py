"""The demo shop: an order and a buyer's token for each visitor, on a development machine alone."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from server.app import create_app
from tests.support.shop import Client, Shop, settings_for

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


@pytest.mark.parametrize("path", ["/checkout/shop/orders", "/checkout/shop/token"])
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
