"""The types of payment methods that may pay: by the installation's settings, and by the order."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from domain.checkout.method_types import ALLOWABLE, EXCLUDABLE
from models import PaymentEvent
from tests.sandbox.shapes import stripes_types
from tests.support.customers import begin_setup, pay_off_session, saved, setups_at_stripe
from tests.support.payer_tokens import confirmation_token, granted_token
from tests.support.shop import Json, Shop, errors_of, key, open_shop, settings_for

BANK: Final = "pm_usBankAccount_success"
SHOWN: Final = "query O($id: ID!) { order(id: $id) { excludedPaymentMethodTypes } }"
NO_BANK: Final[Json] = {"excludedPaymentMethodTypes": ["us_bank_account"]}
NO_CARD: Final[Json] = {"excludedPaymentMethodTypes": ["card"]}
OF_100: Final[Json] = {"amount": 10_000, "currency": "USD"}
Open = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Open:
    """Open a shop with these settings; a second one has the same orders and the same Stripe."""

    def open_with(**changes: Any) -> AbstractAsyncContextManager[Shop]:
        settings = settings_for(database_url, tmp_path / "state", **changes)
        return open_shop(settings, sandbox_path=tmp_path / "stripe.db")

    return open_with


async def register(shop: Shop, number: str = "order-1", **stated: Any) -> Json:
    given = {"externalId": number, "total": OF_100, "customerExternalId": "buyer", **stated}
    return await shop.staff.do("registerOrder", input=given, key=key())


async def prepared(shop: Shop, **stated: Any) -> str:
    """Prepare a payment of a new order; returns the payment's id."""
    given = {"orderId": await shop.order(**stated), "expectedAmount": OF_100, "returnUrl": "https://shop.example/"}
    payload = await shop.buyer.do("createPayment", input=given, key=key())
    assert payload["errors"] == [], payload
    return str(payload["payment"]["id"])


def unusable(field: str) -> list[tuple[str, list[str] | None]]:
    return [("PAYMENT_METHOD_UNUSABLE", ["input", field])]


def last_intent(shop: Shop) -> Json:
    return shop.sandbox.snapshot().payment_intents[-1]


def payer(shop: Shop) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe")


# -- by the order ------------------------------------------------------------------------------------------------------


async def test_stripe_offers_what_the_order_does_not_exclude(shop: Shop) -> None:
    await prepared(shop, excludedPaymentMethodTypes=["us_bank_account", "klarna"])
    intent = last_intent(shop)

    in_browser = await shop.browser_confirms(BANK)
    by_card = await shop.browser_confirms("pm_card_visa")

    assert intent["excluded_payment_method_types"] == ["klarna", "us_bank_account"]
    assert intent["automatic_payment_methods"] == {"enabled": True, "allow_redirects": "always"}
    assert not {"klarna", "us_bank_account"} & set(intent["payment_method_types"])
    assert (in_browser, by_card) == (400, 200)


async def test_an_order_that_excludes_nothing_is_offered_as_before(shop: Shop) -> None:
    await prepared(shop)

    assert (await shop.pay(await shop.order(), method=BANK))["errors"] == []
    for intent in shop.sandbox.snapshot().payment_intents:
        assert (intent["excluded_payment_method_types"], intent["allowed_payment_method_types"]) == (None, None)


async def test_a_method_that_is_not_offered_pays_nothing_and_another_pays(shop: Shop) -> None:
    order_id = await shop.order(**NO_BANK)

    refused = await shop.pay(order_id, method=BANK)
    charges = list(shop.sandbox.snapshot().charges)
    paid = await shop.pay(order_id)

    assert errors_of(refused) == unusable("paymentMethodId")
    assert "not offered" in refused["errors"][0]["message"]
    assert charges == []
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")


async def test_a_confirmation_by_a_method_that_is_not_offered_leaves_the_payment_open(shop: Shop) -> None:
    payment_id = await prepared(shop, **NO_BANK)

    given = {"paymentId": payment_id, "paymentMethodId": BANK}
    refused = await shop.buyer.do("confirmPayment", input=given, key=key())
    paid = await shop.buyer.do("confirmPayment", input=given | {"paymentMethodId": "pm_card_visa"}, key=key())

    assert errors_of(refused) == unusable("paymentMethodId")
    assert refused["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")
    assert len(shop.sandbox.snapshot().charges) == 1


@pytest.mark.parametrize("confirms", [False, True])
async def test_a_payers_token_of_a_method_that_is_not_offered_is_refused_at_its_field(
    shop: Shop, confirms: bool
) -> None:
    async with payer(shop) as browser:
        token = await confirmation_token(browser, BANK)
    given: Json = {"confirmationTokenId": token, "returnUrl": "https://shop.example/"}

    if confirms:
        given["paymentId"] = await prepared(shop, **NO_BANK)
        refused = await shop.buyer.do("confirmPayment", input=given, key=key())
    else:
        given |= {"orderId": await shop.order(**NO_BANK), "expectedAmount": OF_100, "confirm": True}
        refused = await shop.buyer.do("createPayment", input=given, key=key())

    assert errors_of(refused) == unusable("confirmationTokenId")
    assert shop.sandbox.snapshot().charges == []


async def test_an_agents_token_of_a_method_that_is_not_offered_is_refused_at_its_field(opened: Open) -> None:
    async with opened(shared_payment_tokens=True) as shop:
        async with payer(shop) as agent:
            token = await granted_token(agent, "pm_card_visa")

        given = {"orderId": await shop.order(**NO_CARD), "expectedAmount": OF_100, "confirm": True}
        refused = await shop.staff.do("createPayment", input=given | {"sharedPaymentToken": token}, key=key())

        assert errors_of(refused) == unusable("sharedPaymentToken")
        assert shop.sandbox.snapshot().charges == []


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_saved_method_that_is_not_offered_is_refused_before_stripe_is_asked(shop: Shop, is_away: bool) -> None:
    method, order_id = await saved(shop), await shop.order(**NO_CARD)
    before = len(shop.sandbox.snapshot().payment_intents)

    if is_away:
        refused = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"])
    else:
        given = {"orderId": order_id, "expectedAmount": OF_100, "confirm": True, "savedPaymentMethodId": method["id"]}
        refused = await shop.buyer.do("createPayment", input=given, key=key())

    assert errors_of(refused) == unusable("savedPaymentMethodId")
    assert "type card" in refused["errors"][0]["message"]
    assert refused["payment"] is None
    assert len(shop.sandbox.snapshot().payment_intents) == before


async def test_a_saved_method_that_is_not_offered_does_not_confirm(shop: Shop) -> None:
    method = await saved(shop)
    payment_id = await prepared(shop, **NO_CARD)

    given = {"paymentId": payment_id, "savedPaymentMethodId": method["id"]}
    refused = await shop.buyer.do("confirmPayment", input=given, key=key())

    assert errors_of(refused) == unusable("savedPaymentMethodId")
    assert refused["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"


# -- what an order may exclude -----------------------------------------------------------------------------------------


def test_the_names_of_types_are_those_of_stripes_library() -> None:
    assert stripes_types("excluded_payment_method_types") == EXCLUDABLE
    assert stripes_types("allowed_payment_method_types") == ALLOWABLE


@pytest.mark.parametrize("name", ["klara", "CARD", "link", "", "card_present"])
async def test_a_type_that_stripe_cannot_exclude_is_refused_by_its_place(shop: Shop, name: str) -> None:
    payload = await register(shop, excludedPaymentMethodTypes=["card", name])

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", "excludedPaymentMethodTypes", "1"])
    assert payload["order"] is None


async def test_what_an_order_excludes_is_a_set_and_is_shown_to_whoever_sees_the_order(shop: Shop) -> None:
    one_key, given = key(), {"externalId": "order-1", "total": OF_100, "customerExternalId": "buyer"}

    first, again, other = [
        await shop.staff.do("registerOrder", input=given | {"excludedPaymentMethodTypes": names}, key=one_key)
        for names in (["pix", "card"], ["card", "pix", "card"], ["card"])
    ]
    nothing = await register(shop, "order-2", excludedPaymentMethodTypes=[])

    assert (first["errors"], again["errors"], again["replayed"]) == ([], [], True)
    assert [error["mismatchedPaths"] for error in other["errors"]] == [["excludedPaymentMethodTypes"]]
    for client in (shop.staff, shop.buyer):
        shown = [await client.ask(SHOWN, id=payload["order"]["id"]) for payload in (first, nothing)]
        assert [one["order"]["excludedPaymentMethodTypes"] for one in shown] == [["card", "pix"], []]


async def test_the_trail_says_what_an_order_excludes(shop: Shop) -> None:
    for names in (["klarna"], ["card", "klarna"], None):
        assert (await register(shop, excludedPaymentMethodTypes=names))["errors"] == []

    events = await PaymentEvent.all().order_by("sequence")
    assert [event.type for event in events] == ["order.registered", "order.updated", "order.updated"]
    assert [event.after["excluded_payment_method_types"] for event in events] == [["klarna"], ["card", "klarna"], None]
    assert events[1].before["excluded_payment_method_types"] == ["klarna"]


async def test_what_may_pay_stands_still_while_a_payment_is_open(shop: Shop) -> None:
    order = (await register(shop, **NO_BANK))["order"]
    begun = {"orderId": order["id"], "expectedAmount": OF_100}
    payment = (await shop.buyer.do("createPayment", input=begun, key=key()))["payment"]

    refused = await register(shop)
    same = await register(shop, **NO_BANK, description="The same")
    dearer = await register(shop, **NO_BANK, total={"amount": 12_000, "currency": "USD"})
    both = await register(shop, total={"amount": 13_000, "currency": "USD"})
    await shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())
    afterwards = await register(shop)

    still = [("INVALID_STATE", ["input", "excludedPaymentMethodTypes"])]
    assert (errors_of(refused), errors_of(both)) == (still, still)
    assert (same["errors"], dearer["errors"], afterwards["errors"]) == ([], [], [])
    assert last_intent(shop)["amount"] == 12_000
    assert last_intent(shop)["excluded_payment_method_types"] == ["us_bank_account"]
    assert (await shop.staff.ask(SHOWN, id=order["id"]))["order"]["excludedPaymentMethodTypes"] == []


# -- by the installation -----------------------------------------------------------------------------------------------


async def test_an_installation_excludes_types_beside_those_of_the_order(opened: Open) -> None:
    async with opened(excluded_payment_method_types="us_bank_account,pix") as shop:
        await shop.order()
        refused = await shop.pay(await shop.order(), method=BANK)
        await prepared(shop, excludedPaymentMethodTypes=["klarna", "pix"])
        setup = await begin_setup(shop)

        assert errors_of(refused) == unusable("paymentMethodId")
        assert last_intent(shop)["excluded_payment_method_types"] == ["klarna", "pix", "us_bank_account"]
        assert setup["errors"] == []
        assert setups_at_stripe(shop)[-1]["excluded_payment_method_types"] == ["pix", "us_bank_account"]


async def test_an_installation_allows_types_less_those_of_the_order(opened: Open) -> None:
    async with opened(allowed_payment_method_types="card,ideal,us_bank_account") as shop:
        await prepared(shop, **NO_BANK)
        intent = last_intent(shop)
        paid = await shop.pay(await shop.order(), method=BANK)
        refused = await shop.pay(await shop.order(), method="pm_cashapp", returnUrl="https://shop.example/")
        setup = await begin_setup(shop)

        assert intent["allowed_payment_method_types"] == ["card", "ideal"]
        assert (intent["excluded_payment_method_types"], intent["automatic_payment_methods"]) == (None, None)
        assert intent["payment_method_types"] == ["card"]  # ideal is for euros
        assert paid["errors"] == []
        assert errors_of(refused) == unusable("paymentMethodId")
        assert setup["errors"] == []
        assert setups_at_stripe(shop)[-1]["allowed_payment_method_types"] == ["card", "ideal", "us_bank_account"]


async def test_a_method_that_leads_elsewhere_asks_for_the_way_back_where_types_are_listed(opened: Open) -> None:
    async with opened(allowed_payment_method_types="card,cashapp") as shop:
        given = {"orderId": await shop.order(), "expectedAmount": OF_100}
        payment = (await shop.buyer.do("createPayment", input=given, key=key()))["payment"]

        named = {"paymentId": payment["id"], "paymentMethodId": "pm_cashapp"}
        lost = await shop.buyer.do("confirmPayment", input=named, key=key())
        back = await shop.buyer.do("confirmPayment", input=named | {"returnUrl": "https://shop.example/"}, key=key())

        assert errors_of(lost) == [("VALIDATION_FAILED", ["input", "returnUrl"])]
        assert (back["errors"], back["payment"]["status"]) == ([], "REQUIRES_ACTION")


async def test_an_order_that_nothing_could_pay_is_refused(opened: Open) -> None:
    async with opened(allowed_payment_method_types="card") as shop:
        payload = await register(shop, excludedPaymentMethodTypes=["klarna", "card"])

        assert errors_of(payload) == [("VALIDATION_FAILED", ["input", "excludedPaymentMethodTypes"])]


async def test_an_order_that_nothing_can_pay_by_now_is_told_and_stripe_is_not_asked(opened: Open) -> None:
    """Stripe would take a list of nothing for no list, and offer all."""
    async with opened() as shop:
        order_id = await shop.order(**NO_CARD)

    async with opened(allowed_payment_method_types="card") as shop:
        payload = await shop.pay(order_id)

        assert errors_of(payload) == [("INVALID_STATE", ["input", "orderId"])]
        assert shop.sandbox.snapshot().payment_intents == []
