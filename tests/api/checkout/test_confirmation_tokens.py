"""Tokens of what a payer has entered or chosen (Express Checkout, two-step confirmation), which confirm one payment.

Source: docs.stripe.com/payments/build-a-two-step-confirmation and docs.stripe.com/api/confirmation_tokens.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from database.statements import query_rows
from tests.support.payer_tokens import confirmation_token
from tests.support.shop import Json, Shop, key, open_shop, settings_for

CONFIRM = "/v1/payment_intents/[^/]+/confirm"
THREE_DS = "pm_card_threeDSecure2Required"
PAGE, THEIRS = "https://shop.example/back", "https://shop.example/as-the-browser-said"
A_LIFE = 12 * 3600  # of a token at Stripe


@pytest.fixture
async def hasty(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """Open a shop whose requests do not wait, so that their undecided state can be seen."""
    settings = settings_for(database_url, tmp_path / "state", request_budget_seconds=0)
    async with open_shop(settings) as opened:
        yield opened


async def _token(shop: Shop, method: str = "pm_card_visa", **more: Any) -> str:
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as browser:
        return await confirmation_token(browser, method, **more)


async def _create(shop: Shop, *, with_key: str | None = None, **more: Any) -> Json:
    """Send a buyer's createPayment of a new order."""
    given = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}, **more}
    return await shop.buyer.do("createPayment", input=given, key=with_key or key())


async def _confirm(shop: Shop, payment: Json, *, with_key: str | None = None, **more: Any) -> Json:
    given = {"paymentId": payment["id"], **more}
    return await shop.buyer.do("confirmPayment", input=given, key=with_key or key())


def _sent(shop: Shop) -> list[tuple[str, Json]]:
    """Collect the last part of the address, and the parameters, of each POST to Stripe from now on."""
    sent: list[tuple[str, Json]] = []

    async def noted(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if request.method == "POST":
            given = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            sent.append((request.url.path.rpartition("/")[2], given))
        return response

    shop.between.answered = noted
    return sent


def _shown(payload: Json) -> tuple[list[tuple[str, Any]], str]:
    """Return the codes and paths of the errors, and the payment's status."""
    return [(error["code"], error["path"]) for error in payload["errors"]], payload["payment"]["status"]


UNUSABLE = [("PAYMENT_METHOD_UNUSABLE", ["input", "confirmationTokenId"])]


async def test_a_token_pays_an_order_once_with_the_orders_amount(shop: Shop) -> None:
    token, one_key = await _token(shop), key()
    sent = _sent(shop)

    payload = await _create(shop, confirmationTokenId=token, confirm=True, with_key=one_key)

    [charge] = shop.sandbox.snapshot().charges
    assert _shown(payload) == ([], "SUCCEEDED")
    assert (charge["amount"], charge["currency"]) == (10_000, "usd")
    assert payload["payment"]["paymentMethod"] == {"type": "card", "brand": "visa", "last4": "4242"}
    assert [(path, given.get("confirmation_token")) for path, given in sent] == [
        ("payment_intents", None),
        ("confirm", token),
    ]


async def test_a_token_confirms_a_payment_that_was_prepared(shop: Shop) -> None:
    payment = await shop.prepared()

    payload = await _confirm(shop, payment, confirmationTokenId=await _token(shop, return_url=THEIRS))

    assert _shown(payload) == ([], "SUCCEEDED")
    assert len(shop.sandbox.snapshot().charges) == 1


async def test_a_repeated_call_with_its_key_is_the_payment_of_the_first(shop: Shop) -> None:
    token, payment, one_key = await _token(shop), await shop.prepared(), key()

    first = await _confirm(shop, payment, confirmationTokenId=token, returnUrl=PAGE, with_key=one_key)
    sent = _sent(shop)
    again = await _confirm(shop, payment, confirmationTokenId=token, returnUrl=PAGE, with_key=one_key)
    other = await _confirm(shop, payment, confirmationTokenId=await _token(shop), returnUrl=PAGE, with_key=one_key)

    assert (first["errors"], first["replayed"]) == ([], False)
    assert (again["errors"], again["replayed"], sent) == ([], True, [])
    assert other["errors"][0]["mismatchedPaths"] == ["confirmationTokenId"]
    assert len(shop.sandbox.snapshot().charges) == 1


# -- what a token is worth -------------------------------------------------------------------------------------------


async def test_a_used_token_pays_nothing_else(shop: Shop) -> None:
    token = await _token(shop)
    await _create(shop, confirmationTokenId=token, confirm=True)

    refused = await _create(shop, confirmationTokenId=token, confirm=True)
    paid = await _confirm(shop, refused["payment"], confirmationTokenId=await _token(shop))

    assert _shown(refused) == (UNUSABLE, "REQUIRES_PAYMENT_METHOD")
    assert refused["operation"]["effect"] == "NONE"
    assert _shown(paid) == ([], "SUCCEEDED")
    assert len(shop.sandbox.snapshot().charges) == 2


@pytest.mark.parametrize("confirms", [False, True], ids=["createPayment", "confirmPayment"])
async def test_a_token_of_yesterday_or_of_nobody_is_unusable(shop: Shop, confirms: bool) -> None:
    old = await _token(shop)
    await shop.stripe("advance", {"seconds": A_LIFE + 1})

    answers = []
    for token in (old, "ctoken_of_nobody"):
        if confirms:
            answers.append(await _confirm(shop, await shop.prepared(), confirmationTokenId=token))
        else:
            answers.append(await _create(shop, confirmationTokenId=token, confirm=True))

    assert [_shown(answer) for answer in answers] == [(UNUSABLE, "REQUIRES_PAYMENT_METHOD")] * 2
    assert shop.sandbox.snapshot().charges == []


async def test_after_a_decline_the_payer_makes_another_token(shop: Shop) -> None:
    token, one_key = await _token(shop, "pm_card_chargeDeclined"), key()

    declined = await _create(shop, confirmationTokenId=token, confirm=True, with_key=one_key)
    once_more = await _confirm(shop, declined["payment"], confirmationTokenId=token)
    paid = await _confirm(shop, declined["payment"], confirmationTokenId=await _token(shop))

    assert _shown(declined) == ([("CARD_DECLINED", None)], "REQUIRES_PAYMENT_METHOD")
    assert _shown(once_more) == (UNUSABLE, "REQUIRES_PAYMENT_METHOD")
    assert _shown(paid) == ([], "SUCCEEDED")
    assert paid["payment"]["id"] == declined["payment"]["id"]


# -- what a token carries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created", "confirmed", "used"),
    [({}, {}, THEIRS), ({"returnUrl": PAGE}, {}, PAGE), ({"returnUrl": THEIRS}, {"returnUrl": PAGE}, PAGE)],
    ids=["the token's", "createPayment's", "confirmPayment's"],
)
async def test_the_payer_returns_to_the_page_of_the_shop_before_the_tokens(
    shop: Shop, created: Json, confirmed: Json, used: str
) -> None:
    prepared = await _create(shop, **created)

    token = await _token(shop, THREE_DS, return_url=THEIRS)
    payload = await _confirm(shop, prepared["payment"], confirmationTokenId=token, **confirmed)

    [intent] = shop.sandbox.snapshot().payment_intents
    assert _shown(payload) == ([], "REQUIRES_ACTION")
    assert intent["next_action"]["redirect_to_url"]["return_url"] == used


async def test_without_any_page_the_missing_field_is_named(shop: Shop) -> None:
    payment = await shop.prepared()

    refused = await _confirm(shop, payment, confirmationTokenId=await _token(shop))
    paid = await _confirm(shop, payment, confirmationTokenId=await _token(shop), returnUrl=PAGE)

    assert _shown(refused) == ([("VALIDATION_FAILED", ["input", "returnUrl"])], "REQUIRES_PAYMENT_METHOD")
    assert _shown(paid) == ([], "SUCCEEDED")


# -- lost answers ----------------------------------------------------------------------------------------------------


async def _age(shop: Shop, seconds: int) -> None:
    """Let time pass for the open operations and at Stripe."""
    await shop.stripe("advance", {"seconds": seconds})
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [seconds],
    )


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("seconds", [2, 61, 40_000], ids=["at once", "after a look", "late"])
async def test_a_lost_answer_is_found_under_the_same_key_and_the_token_pays_once(
    hasty: Shop, when: str, seconds: int
) -> None:
    payment, token, one_key = await hasty.prepared(), await _token(hasty, return_url=THEIRS), key()
    hasty.sandbox.fault(kind=f"timeout_{when}", method="POST", path=CONFIRM)

    unknown = await _confirm(hasty, payment, confirmationTokenId=token, with_key=one_key)
    hasty.sandbox.clear_faults()
    await _age(hasty, seconds)
    await hasty.runtime.worker.drain()
    again = await _confirm(hasty, payment, confirmationTokenId=token, with_key=one_key)

    assert unknown["payment"]["status"] == "UNKNOWN"
    assert (_shown(again), again["replayed"]) == (([], "SUCCEEDED"), True)
    assert len(hasty.sandbox.snapshot().charges) == 1


@pytest.mark.parametrize("seconds", [50_000, 80_000], ids=["within the key's life", "after it"])
async def test_a_confirmation_that_never_arrived_is_refused_once_its_token_is_too_old(
    hasty: Shop, seconds: int
) -> None:
    payment, token, one_key = await hasty.prepared(), await _token(hasty, return_url=THEIRS), key()
    hasty.sandbox.fault(kind="timeout_before", method="POST", path=CONFIRM)

    await _confirm(hasty, payment, confirmationTokenId=token, with_key=one_key)
    hasty.sandbox.clear_faults()
    await _age(hasty, seconds)
    await hasty.runtime.worker.drain()
    again = await _confirm(hasty, payment, confirmationTokenId=token, with_key=one_key)

    assert _shown(again) == (UNUSABLE, "REQUIRES_PAYMENT_METHOD")
    assert (again["operation"]["state"], again["operation"]["effect"]) == ("FAILED", "NONE")
    assert hasty.sandbox.snapshot().charges == []


@pytest.mark.parametrize("seconds", [2, 61, 80_000], ids=["at once", "after a look", "after the key's life"])
async def test_a_lost_decline_is_found_though_its_token_is_used(hasty: Shop, seconds: int) -> None:
    token, payment, one_key = await _token(hasty, "pm_card_chargeDeclined"), await hasty.prepared(), key()
    hasty.sandbox.fault(kind="timeout_after", method="POST", path=CONFIRM)

    await _confirm(hasty, payment, confirmationTokenId=token, returnUrl=PAGE, with_key=one_key)
    hasty.sandbox.clear_faults()
    await _age(hasty, seconds)
    await hasty.runtime.worker.drain()
    again = await _confirm(hasty, payment, confirmationTokenId=token, returnUrl=PAGE, with_key=one_key)

    assert _shown(again) == ([("CARD_DECLINED", None)], "REQUIRES_PAYMENT_METHOD")
    assert len(hasty.sandbox.snapshot().charges) == 1


# -- one thing to pay with -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field", "named"),
    [
        ({"confirm": True}, "paymentMethodId", ("paymentMethodId", "confirmationTokenId")),
        (
            {"confirm": True, "paymentMethodId": "pm_card_visa", "confirmationTokenId": "ctoken_1"},
            "confirmationTokenId",
            ("paymentMethodId", "confirmationTokenId"),
        ),
        ({"confirmationTokenId": "ctoken_1"}, "confirmationTokenId", ("confirm",)),
        ({"confirm": True, "confirmationTokenId": "pm_card_visa"}, "confirmationTokenId", ("ctoken_",)),
        ({"confirm": True, "confirmationTokenId": "ctoken_1/../x"}, "confirmationTokenId", ("ctoken_",)),
        ({"confirm": True, "confirmationTokenId": ""}, "confirmationTokenId", ("ctoken_",)),
        ({"confirm": True, "paymentMethodId": "ctoken_1"}, "paymentMethodId", ("pm_",)),
    ],
)
async def test_a_payment_names_one_thing_to_pay_with(
    shop: Shop, given: Json, field: str, named: tuple[str, ...]
) -> None:
    sent, given = _sent(shop), dict(given)

    answers = [await _create(shop, **given)]
    if given.pop("confirm", False):
        answers.append(await _confirm(shop, await shop.prepared(), **given))

    for payload in answers:
        [error] = payload["errors"]
        assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", field])
        assert [name for name in named if name not in error["message"]] == []
        assert payload["operation"] is None
    assert [path for path, _ in sent if path == "confirm"] == []


# -- confirmPayment as clients of the last release send it -----------------------------------------------------------


@pytest.mark.parametrize("first", ["as before", "as now"])
async def test_a_key_is_the_same_request_in_either_form(shop: Shop, first: str) -> None:
    payment, one_key = await shop.prepared(), key()
    given = {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": PAGE}
    forms: list[Json] = [given, {"input": given}]

    answers = [
        await shop.buyer.do("confirmPayment", **form, key=one_key)
        for form in (forms if first == "as before" else forms[::-1])
    ]

    assert [_shown(answer) for answer in answers] == [([], "SUCCEEDED")] * 2
    assert [answer["replayed"] for answer in answers] == [False, True]


async def test_what_is_refused_is_named_where_it_was_given(shop: Shop) -> None:
    payment = await shop.prepared()
    given = {"paymentId": payment["id"], "paymentMethodId": "pm_of_nobody"}

    before = await shop.buyer.do("confirmPayment", **given, returnUrl=PAGE, key=key())
    now = await shop.buyer.do("confirmPayment", input={**given, "returnUrl": PAGE}, key=key())
    strangers = [
        await shop.stranger.do("confirmPayment", **form, key=key())
        for form in ({"paymentId": payment["id"], "paymentMethodId": "pm_1"}, {"input": given})
    ]

    assert _shown(before) == ([("PAYMENT_METHOD_UNUSABLE", ["paymentMethodId"])], "REQUIRES_PAYMENT_METHOD")
    assert _shown(now) == ([("PAYMENT_METHOD_UNUSABLE", ["input", "paymentMethodId"])], "REQUIRES_PAYMENT_METHOD")
    assert [(answer["errors"][0]["code"], answer["errors"][0]["path"]) for answer in strangers] == [
        ("NOT_FOUND", ["paymentId"]),
        ("NOT_FOUND", ["input", "paymentId"]),
    ]


async def test_a_call_in_both_forms_or_in_none_is_refused(shop: Shop) -> None:
    payment = await shop.prepared()
    given = {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": PAGE}

    both = await shop.buyer.do("confirmPayment", input=given, paymentMethodId="pm_card_mastercard", key=key())
    none = await shop.buyer.do("confirmPayment", key=key())

    for payload in (both, none):
        [error] = payload["errors"]
        assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input"])
    assert shop.sandbox.snapshot().charges == []
