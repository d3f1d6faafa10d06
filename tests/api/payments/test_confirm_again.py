"""Another card while the bank still waits for the payer, and the page that a payer returns to.

Stripe accepts a confirmation in `requires_action`: it begins a new attempt on the same intent, in place of the waiting
one (docs.stripe.com/api/payment_intents/confirm).
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from database.statements import query_rows
from tests.support.shop import Json, Shop, key, open_shop, settings_for

CONFIRM = "/v1/payment_intents/[^/]+/confirm"
THREE_DS = "pm_card_threeDSecure2Required"
PAGE = "https://shop.example/back"


@pytest.fixture
async def hasty(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """Open a shop whose requests do not wait, so that their undecided state can be seen."""
    settings = settings_for(database_url, tmp_path / "state", request_budget_seconds=0)
    async with open_shop(settings) as opened:
        yield opened


async def _waits_for_the_payer(shop: Shop) -> Json:
    payload = await shop.pay(await shop.order(), method=THREE_DS, returnUrl=PAGE)
    assert payload["payment"]["status"] == "REQUIRES_ACTION"
    payment: Json = payload["payment"]
    return payment


async def _confirm(shop: Shop, payment: Json, method: str, *, with_key: str | None = None, **more: str) -> Json:
    given = {"paymentId": payment["id"], "paymentMethodId": method, "key": with_key or key(), **more}
    return await shop.buyer.do("confirmPayment", **given)


async def _age(seconds: int) -> None:
    """Let time pass for the open operations."""
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [seconds],
    )


def _intent(shop: Shop) -> Json:
    [intent] = shop.sandbox.snapshot().payment_intents
    return intent


def _sent(shop: Shop) -> list[httpx.Request]:
    """Collect the confirmations that are sent to Stripe from now on."""
    sent: list[httpx.Request] = []

    async def noted(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if request.url.path.endswith("/confirm"):
            sent.append(request)
        return response

    shop.between.answered = noted
    return sent


async def test_another_card_pays_while_the_bank_waits_for_the_payer(shop: Shop) -> None:
    waiting = await _waits_for_the_payer(shop)

    payload = await _confirm(shop, waiting, "pm_card_mastercard")

    assert "CONFIRM" in waiting["allowedActions"]
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")
    assert payload["payment"]["paymentMethod"]["brand"] == "mastercard"
    assert (payload["confirmation"] or {"nextAction": None})["nextAction"] is None
    assert len(shop.sandbox.snapshot().charges) == 1
    assert payload["payment"]["amountCaptured"] == {"amount": 10_000}


async def test_a_decline_of_the_other_card_ends_the_wait(shop: Shop) -> None:
    waiting = await _waits_for_the_payer(shop)

    declined = await _confirm(shop, waiting, "pm_card_chargeDeclined")
    paid = await _confirm(shop, waiting, "pm_card_visa")

    assert [error["code"] for error in declined["errors"]] == ["CARD_DECLINED"]
    assert declined["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert (declined["confirmation"] or {"nextAction": None})["nextAction"] is None
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")


async def test_another_card_may_want_its_payer_too(shop: Shop) -> None:
    waiting = await _waits_for_the_payer(shop)
    before = _intent(shop)["payment_method"]

    payload = await _confirm(shop, waiting, THREE_DS)
    await shop.finish_3ds("complete")
    await shop.deliver()

    assert (payload["errors"], payload["payment"]["status"]) == ([], "REQUIRES_ACTION")
    assert _intent(shop)["payment_method"] != before
    assert (await shop.payment(waiting["id"]))["status"] == "SUCCEEDED"
    assert len(shop.sandbox.snapshot().charges) == 1


async def test_the_message_about_an_open_payment_says_what_can_be_done(shop: Shop) -> None:
    order_id = await shop.order()
    waiting = await shop.pay(order_id, method=THREE_DS, returnUrl=PAGE)
    again = await shop.pay(order_id)
    in_the_way = await shop.pay(await shop.order(), method="pm_usBankAccount_success", returnUrl=PAGE)
    while_processing = await shop.pay(in_the_way["payment"]["order"]["id"])

    assert [error["code"] for error in again["errors"]] == ["ACTIVE_PAYMENT_EXISTS"]
    assert again["errors"][0]["message"] == "This order has an open payment. Confirm or cancel that one."
    assert (await _confirm(shop, waiting["payment"], "pm_card_visa"))["errors"] == []
    assert in_the_way["payment"]["status"] == "PROCESSING"
    assert (
        while_processing["errors"][0]["message"]
        == "This order has an open payment. It is under way: wait for how it ends."
    )


# -- lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("seconds", [2, 61, 80_000], ids=["at once", "after a look", "after the key's life"])
async def test_a_lost_answer_does_not_take_the_earlier_action_for_the_new_one(
    hasty: Shop, when: str, seconds: int
) -> None:
    """Stripe never got the request or its answer was lost: either way the new card is tried, and pays once."""
    waiting, one_key = await _waits_for_the_payer(hasty), key()
    hasty.sandbox.fault(kind=f"timeout_{when}", method="POST", path=CONFIRM)

    unknown = await _confirm(hasty, waiting, "pm_card_visa", with_key=one_key)
    hasty.sandbox.clear_faults()
    await _age(seconds)
    await hasty.runtime.worker.drain()

    again = await _confirm(hasty, waiting, "pm_card_visa", with_key=one_key)
    assert unknown["payment"]["status"] == "UNKNOWN"
    assert (again["errors"], again["replayed"]) == ([], True)
    assert (again["payment"]["status"], again["operation"]["state"]) == ("SUCCEEDED", "SUCCEEDED")
    assert len(hasty.sandbox.snapshot().charges) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("seconds", [61, 80_000], ids=["after a look", "after the key's life"])
async def test_a_lost_answer_of_a_card_that_wants_its_payer_ends_in_that_cards_action(
    hasty: Shop, when: str, seconds: int
) -> None:
    waiting, one_key = await _waits_for_the_payer(hasty), key()
    first = _intent(hasty)["payment_method"]
    hasty.sandbox.fault(kind=f"timeout_{when}", method="POST", path=CONFIRM)

    await _confirm(hasty, waiting, THREE_DS, with_key=one_key)
    hasty.sandbox.clear_faults()
    await _age(seconds)
    await hasty.runtime.worker.drain()

    again = await _confirm(hasty, waiting, THREE_DS, with_key=one_key)
    assert (again["errors"], again["payment"]["status"]) == ([], "REQUIRES_ACTION")
    assert again["operation"]["state"] == "SUCCEEDED"
    assert _intent(hasty)["payment_method"] != first
    assert hasty.sandbox.snapshot().charges == []


@pytest.mark.parametrize("seconds", [61, 80_000], ids=["after a look", "after the key's life"])
async def test_a_lost_decline_is_found_and_the_payment_waits_for_another_card(hasty: Shop, seconds: int) -> None:
    waiting, one_key = await _waits_for_the_payer(hasty), key()
    hasty.sandbox.fault(kind="timeout_after", method="POST", path=CONFIRM)

    await _confirm(hasty, waiting, "pm_card_chargeDeclined", with_key=one_key)
    hasty.sandbox.clear_faults()
    await _age(seconds)
    await hasty.runtime.worker.drain()

    again = await _confirm(hasty, waiting, "pm_card_chargeDeclined", with_key=one_key)
    assert [error["code"] for error in again["errors"]] == ["CARD_DECLINED"]
    assert again["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert len(hasty.sandbox.snapshot().charges) == 1


async def test_the_payer_who_comes_back_meanwhile_is_charged_once(hasty: Shop) -> None:
    """The request with the other card never arrived; before it is sent again, the payer finishes the first page."""
    waiting, one_key = await _waits_for_the_payer(hasty), key()
    hasty.sandbox.fault(kind="timeout_before", method="POST", path=CONFIRM)

    await _confirm(hasty, waiting, "pm_card_visa", with_key=one_key)
    hasty.sandbox.clear_faults()
    await hasty.finish_3ds("complete")
    await _age(61)
    await hasty.deliver()

    assert (await hasty.payment(waiting["id"]))["status"] == "SUCCEEDED"
    assert (await hasty.payment(waiting["id"]))["amountCaptured"] == {"amount": 10_000}
    assert len(hasty.sandbox.snapshot().charges) == 1


async def test_a_method_that_does_not_exist_leaves_the_payer_where_they_were(hasty: Shop) -> None:
    """The first answer was lost, the second is a definite no: the earlier action is not taken for a success."""
    waiting, one_key = await _waits_for_the_payer(hasty), key()
    hasty.sandbox.fault(kind="timeout_before", method="POST", path=CONFIRM)

    await _confirm(hasty, waiting, "pm_of_nobody", with_key=one_key)
    hasty.sandbox.clear_faults()
    await _age(61)
    await hasty.runtime.worker.drain()

    again = await _confirm(hasty, waiting, "pm_of_nobody", with_key=one_key)
    assert [error["code"] for error in again["errors"]] == ["PAYMENT_METHOD_UNUSABLE"]
    assert (again["operation"]["state"], again["payment"]["status"]) == ("FAILED", "REQUIRES_ACTION")


# -- the return page -------------------------------------------------------------------------------------------------


async def _prepared(shop: Shop, **more: str) -> Json:
    """Create a payment that waits for its payer's browser."""
    given = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}, **more}
    payload = await shop.buyer.do("createPayment", input=given, key=key())
    assert payload["errors"] == [], payload
    payment: Json = payload["payment"]
    return payment


async def test_without_a_page_a_browsers_payment_is_refused_before_stripe_is_asked(shop: Shop) -> None:
    payment, one_key = await _prepared(shop), key()
    sent = _sent(shop)

    refused = await _confirm(shop, payment, "pm_card_visa", with_key=one_key)
    paid = await _confirm(shop, payment, "pm_card_visa", with_key=one_key, returnUrl=PAGE)

    [error] = refused["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["returnUrl"])
    assert refused["operation"] is None
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")
    assert len(sent) == 1


@pytest.mark.parametrize("confirmed", [False, True], ids=["prepared", "declined"])
async def test_the_page_of_create_payment_is_used_unless_another_is_named(shop: Shop, confirmed: bool) -> None:
    if confirmed:
        declined = await shop.pay(await shop.order(), method="pm_card_chargeDeclined", returnUrl=PAGE)
        payment = declined["payment"]
    else:
        payment = await _prepared(shop, returnUrl=PAGE)
    sent = _sent(shop)

    await _confirm(shop, payment, THREE_DS)
    first = _intent(shop)["next_action"]["redirect_to_url"]["return_url"]
    await _confirm(shop, payment, THREE_DS, returnUrl="https://shop.example/other")
    second = _intent(shop)["next_action"]["redirect_to_url"]["return_url"]

    assert (first, second) == (PAGE, "https://shop.example/other")
    assert len(sent) == 2


async def test_a_payment_without_redirects_needs_no_page(shop: Shop) -> None:
    declined = await shop.pay(await shop.order(), method="pm_card_chargeDeclined")

    paid = await _confirm(shop, declined["payment"], "pm_card_visa")

    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")


async def test_a_payer_comes_back_to_the_shops_own_app(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path / "state", return_url_schemes="myapp")
    async with open_shop(settings) as shop:
        listed = await shop.pay(await shop.order(), method=THREE_DS, returnUrl="myapp://paid?order=1")
        other = await shop.pay(await shop.order(), returnUrl="javascript:alert(1)")
        transport = httpx.ASGITransport(shop.sandbox.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as browser:
            [intent] = shop.sandbox.snapshot().payment_intents
            back = await browser.post(f"/_sandbox/3ds/{intent['id']}", data={"result": "complete"})

    assert (listed["errors"], listed["payment"]["status"]) == ([], "REQUIRES_ACTION")
    assert back.headers["location"].startswith("myapp://paid?order=1&payment_intent=pi_")
    [error] = other["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", "returnUrl"])
    assert "myapp://" in error["message"]
