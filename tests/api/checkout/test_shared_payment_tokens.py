"""Tokens of methods that a payer's agent shares with the shop, within an amount, a currency and a time.

Source: docs.stripe.com/agentic-commerce/concepts/shared-payment-tokens.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.payer_tokens import HOUR, granted_token, revoke
from tests.support.shop import Json, Shop, key, open_shop, settings_for

CONFIRM = "/v1/payment_intents/[^/]+/confirm"
FIELD = ["input", "sharedPaymentToken"]
THREE_DS = "pm_card_threeDSecure2Required"


@pytest.fixture
async def agents(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """Open a shop that takes the tokens of agents; its requests do not wait."""
    settings = settings_for(database_url, tmp_path / "state", shared_payment_tokens=True, request_budget_seconds=0)
    async with open_shop(settings) as opened:
        yield opened


def _stripe(shop: Shop) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe")


async def _grant(shop: Shop, method: str = "pm_card_visa", **limits: Any) -> str:
    async with _stripe(shop) as agent:
        return await granted_token(agent, method, **limits)


async def _pay(shop: Shop, token: str, *, with_key: str | None = None, **more: Any) -> Json:
    """Send the shop's own createPayment of a new order, as its checkout for agents does."""
    given = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}, **more}
    paid_with = {"sharedPaymentToken": token, "confirm": True}
    return await shop.staff.do("createPayment", input={**given, **paid_with}, key=with_key or key())


async def _confirm(shop: Shop, payment: Json, token: str, *, with_key: str | None = None) -> Json:
    given = {"paymentId": payment["id"], "sharedPaymentToken": token, "returnUrl": "https://shop.example/"}
    return await shop.staff.do("confirmPayment", input=given, key=with_key or key())


def _shown(payload: Json) -> tuple[list[tuple[str, Any]], str]:
    """Return the codes and paths of the errors, and the payment's status."""
    return [(error["code"], error["path"]) for error in payload["errors"]], payload["payment"]["status"]


async def test_an_agents_token_pays_an_order_once(agents: Shop) -> None:
    token, one_key = await _grant(agents), key()
    versions: list[tuple[str, str]] = []

    async def noted(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        versions.append((request.url.path.rpartition("/")[2], request.headers["stripe-version"]))
        return response

    agents.between.answered = noted
    payload = await _pay(agents, token, with_key=one_key)
    await agents.deliver()

    [charge] = agents.sandbox.snapshot().charges
    assert _shown(payload) == ([], "SUCCEEDED")
    assert (charge["amount"], charge["currency"]) == (10_000, "usd")
    assert payload["payment"]["paymentMethod"] == {"type": "card", "brand": "visa", "last4": "4242"}
    assert versions[:2] == [("payment_intents", "2026-10-28.endive"), ("confirm", "2026-10-28.preview")]


async def test_a_key_stands_for_one_token(agents: Shop) -> None:
    token, payment, one_key = await _grant(agents), await agents.prepared(), key()

    first = await _confirm(agents, payment, token, with_key=one_key)
    again = await _confirm(agents, payment, token, with_key=one_key)
    other = await _confirm(agents, payment, await _grant(agents), with_key=one_key)

    assert (_shown(first), first["replayed"]) == (([], "SUCCEEDED"), False)
    assert (_shown(again), again["replayed"]) == (([], "SUCCEEDED"), True)
    assert other["errors"][0]["mismatchedPaths"] == ["sharedPaymentToken"]


async def test_an_agents_token_confirms_a_payment_that_was_prepared(agents: Shop) -> None:
    payload = await _confirm(agents, await agents.prepared(), await _grant(agents))

    assert _shown(payload) == ([], "SUCCEEDED")


async def _revoked(shop: Shop) -> str:
    token = await _grant(shop)
    async with _stripe(shop) as agent:
        await revoke(agent, token)
    return token


async def _expired(shop: Shop) -> str:
    token = await _grant(shop, hours=1)
    await shop.stripe("advance", {"seconds": HOUR + 1})
    return token


async def _used(shop: Shop) -> str:
    token = await _grant(shop)
    assert (await _pay(shop, token))["errors"] == []
    return token


async def _too_little(shop: Shop) -> str:
    return await _grant(shop, most=9_999)


async def _of_another_currency(shop: Shop) -> str:
    return await _grant(shop, currency="eur")


async def _of_nobody(_: Shop) -> str:
    return "spt_of_nobody"


@pytest.mark.parametrize(
    ("grant", "code", "words"),
    [
        (_revoked, "PAYMENT_METHOD_UNUSABLE", "taken back"),
        (_used, "PAYMENT_METHOD_UNUSABLE", "used up"),
        (_expired, "PAYMENT_METHOD_UNUSABLE", "expired"),
        (_of_nobody, "PAYMENT_METHOD_UNUSABLE", "does not exist"),
        (_too_little, "AMOUNT_TOO_LARGE", "less than what is to be paid"),
        (_of_another_currency, "CURRENCY_MISMATCH", "not for payments in USD"),
    ],
)
async def test_beyond_its_limits_a_token_pays_nothing_and_the_reason_is_told(
    agents: Shop, grant: Any, code: str, words: str
) -> None:
    token = await grant(agents)
    charges = len(agents.sandbox.snapshot().charges)

    refused = await _pay(agents, token)
    paid = await _confirm(agents, refused["payment"], await _grant(agents))

    assert _shown(refused) == ([(code, FIELD)], "REQUIRES_PAYMENT_METHOD")
    assert words in refused["errors"][0]["message"]
    assert refused["operation"]["effect"] == "NONE"
    assert _shown(paid) == ([], "SUCCEEDED")
    assert len(agents.sandbox.snapshot().charges) == charges + 1


@pytest.mark.parametrize("readable", [True, False])
async def test_a_refusal_without_code_and_parameter_is_the_tokens(agents: Shop, readable: bool) -> None:
    """Stripe says why in a sentence only; where the token cannot be read either, it is unusable."""
    token = await _too_little(agents)

    async def bare(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if "/granted_tokens/" in request.url.path and not readable:
            return httpx.Response(500, json={"error": {"type": "api_error"}})
        if response.status_code != 400:
            return response
        return httpx.Response(400, json={"error": {"type": "invalid_request_error", "message": "No."}})

    agents.between.answered = bare
    refused = await _pay(agents, token)

    code = "AMOUNT_TOO_LARGE" if readable else "PAYMENT_METHOD_UNUSABLE"
    assert _shown(refused) == ([(code, FIELD)], "REQUIRES_PAYMENT_METHOD")


async def test_a_token_that_stripe_does_not_know_is_not_taken_for_a_payment_that_it_does_not_know(
    agents: Shop,
) -> None:
    """However Stripe says it: the payment is still there, and is not closed."""
    other = await agents.paid()

    async def bare(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if response.status_code != 400 or not request.url.path.endswith("/confirm"):
            return response
        error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such token."}
        return httpx.Response(404, json={"error": error})

    agents.between.answered = bare
    refused = await _pay(agents, "spt_of_nobody")

    assert other["status"] == "SUCCEEDED"
    assert _shown(refused) == ([("PAYMENT_METHOD_UNUSABLE", FIELD)], "REQUIRES_PAYMENT_METHOD")


async def test_a_declined_token_may_be_tried_again(agents: Shop) -> None:
    token = await _grant(agents, "pm_card_chargeDeclined")

    declined = await _pay(agents, token)
    again = await _confirm(agents, declined["payment"], token)
    paid = await _confirm(agents, declined["payment"], await _grant(agents))

    assert _shown(declined) == ([("CARD_DECLINED", None)], "REQUIRES_PAYMENT_METHOD")
    assert _shown(again) == ([("CARD_DECLINED", None)], "REQUIRES_PAYMENT_METHOD")
    assert _shown(paid) == ([], "SUCCEEDED")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_is_found_and_the_token_pays_once(agents: Shop, when: str) -> None:
    token, payment, one_key = await _grant(agents), await agents.prepared(), key()
    agents.sandbox.fault(kind=f"timeout_{when}", method="POST", path=CONFIRM)

    unknown = await _confirm(agents, payment, token, with_key=one_key)
    agents.sandbox.clear_faults()
    await agents.stripe("advance", {"seconds": 61})
    again = await _until_decided(agents, payment, token, one_key)

    assert unknown["payment"]["status"] == "UNKNOWN"
    assert _shown(again) == ([], "SUCCEEDED")
    assert len(agents.sandbox.snapshot().charges) == 1


async def _until_decided(shop: Shop, payment: Json, token: str, one_key: str) -> Json:
    for _ in range(20):
        await shop.runtime.worker.drain()
        answer = await _confirm(shop, payment, token, with_key=one_key)
        if not any(error["retryable"] for error in answer["errors"]):
            return answer
    raise AssertionError(answer)


async def test_an_installation_that_takes_no_agents_tokens_says_so(shop: Shop) -> None:
    token = await _grant(shop)

    refused = await _pay(shop, token)

    [error] = refused["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", FIELD)
    assert refused["operation"] is None
    assert shop.sandbox.snapshot().charges == []


@pytest.mark.parametrize(
    "given",
    [
        {"confirm": True, "sharedPaymentToken": "spt_1", "paymentMethodId": "pm_card_visa"},
        {"confirm": True, "sharedPaymentToken": "spt_1", "confirmationTokenId": "ctoken_1"},
        {"confirm": False, "sharedPaymentToken": "spt_1"},
        {"confirm": True, "sharedPaymentToken": "ctoken_1"},
        {"confirm": True, "sharedPaymentToken": "spt_1/revoke"},
    ],
)
async def test_a_token_stands_alone_and_is_one(agents: Shop, given: Json) -> None:
    order = {"orderId": await agents.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}}

    refused = await agents.staff.do("createPayment", input={**order, **given}, key=key())

    [error] = refused["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", FIELD)
    assert agents.sandbox.snapshot().payment_intents == []
