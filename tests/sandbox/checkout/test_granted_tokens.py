"""Granted tokens: what an agent shares is used within its limits, and no longer."""

import time
from typing import Any

import httpx
import pytest

from tests.sandbox.stripe_account import Json, StripeAccount

PREVIEW = {"Stripe-Version": "2026-10-28.preview"}
HOUR = 3_600
FIELDS = {
    *("id", "object", "agent_details", "created", "deactivated_at", "deactivated_reason", "livemode"),
    *("payment_method_details", "risk_details", "shared_metadata", "usage_details", "usage_limits"),
}


async def _post(account: StripeAccount, path: str, given: Json | None = None) -> httpx.Response:
    return await account.http.post(path, data=given or {}, headers=PREVIEW)


async def _granted(account: StripeAccount, method: str = "pm_card_visa", most: int = 10_000) -> Json:
    given = {
        "payment_method": method,
        "usage_limits[currency]": "usd",
        "usage_limits[max_amount]": most,
        "usage_limits[expires_at]": int(time.time()) + HOUR,
    }
    token: Json = (await _post(account, "/v1/test_helpers/shared_payment/granted_tokens", given)).json()
    return token


async def _pay(account: StripeAccount, token: Json, amount: int = 10_000, **more: Any) -> httpx.Response:
    given = {
        "amount": amount,
        "currency": "usd",
        "confirm": "true",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "payment_method_data[shared_payment_granted_token]": token["id"],
        **more,
    }
    return await _post(account, "/v1/payment_intents", given)


async def _read(account: StripeAccount, token: Json) -> Json:
    answer = await account.http.get(f"/v1/shared_payment/granted_tokens/{token['id']}", headers=PREVIEW)
    read: Json = answer.json()
    return read


def _reasons(account: StripeAccount) -> list[str]:
    ended = account.events("shared_payment.granted_token.deactivated")
    return [event["data"]["object"]["deactivated_reason"] for event in ended]


async def test_a_token_pays_as_its_method_would(account: StripeAccount) -> None:
    token = await _granted(account)

    paid = await _pay(account, token)

    after = await _read(account, token)
    method = await account.v1.payment_methods.retrieve_async(paid.json()["payment_method"])
    assert set(token) == FIELDS
    assert (token["payment_method_details"]["card"]["last4"], method.card.last4) == ("4242", "4242")
    assert (paid.json()["status"], after["deactivated_reason"]) == ("succeeded", "consumed")
    assert after["usage_details"] == {"amount_captured": {"currency": "usd", "value": 10_000}}
    assert len(account.events("shared_payment.granted_token.used")) == 1
    assert (await account.http.post("/v1/refunds", data={"payment_intent": paid.json()["id"]})).status_code == 200


@pytest.mark.parametrize(
    ("amount", "more"), [(10_001, {}), (10_000, {"currency": "eur"})], ids=["too much", "another currency"]
)
async def test_nothing_beyond_the_limits_is_paid(account: StripeAccount, amount: int, more: Json) -> None:
    token = await _granted(account)

    refused = await _pay(account, token, amount, **more)

    error = refused.json()["error"]
    assert (refused.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"] == "payment_method_data[shared_payment_granted_token]"
    assert account.sandbox.snapshot().charges == []


async def test_two_payments_share_the_limit(account: StripeAccount) -> None:
    token = await _granted(account)

    held = await _pay(account, token, 6_000, capture_method="manual")
    refused = await _pay(account, token, 6_000)
    await account.v1.payment_intents.cancel_async(held.json()["id"])
    paid = await _pay(account, token, 6_000)
    rest = await _pay(account, token, 4_000)

    assert [answer.status_code for answer in (held, refused, paid, rest)] == [200, 400, 200, 200]
    assert _reasons(account) == ["consumed"]


async def test_a_token_that_was_revoked_pays_no_more(account: StripeAccount) -> None:
    token = await _granted(account)

    await _post(account, f"/v1/test_helpers/shared_payment/granted_tokens/{token['id']}/revoke")
    refused = await _pay(account, token)

    assert (refused.status_code, _reasons(account)) == (400, ["revoked"])


async def test_a_token_ends_by_the_clock(account: StripeAccount) -> None:
    token = await _granted(account)

    account.sandbox.advance(HOUR + 1)
    refused = await _pay(account, token)

    assert (refused.status_code, _reasons(account)) == (400, ["expired"])
    assert (await _read(account, token))["deactivated_at"] == token["usage_limits"]["expires_at"]


async def test_a_declined_token_may_be_tried_again(account: StripeAccount) -> None:
    token = await _granted(account, "pm_card_chargeDeclined")

    answers = [await _pay(account, token) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [402, 402]
    assert (await _read(account, token))["deactivated_reason"] is None


async def test_other_versions_of_the_api_know_no_such_tokens(account: StripeAccount) -> None:
    token = await _granted(account)
    given = {"amount": "100", "currency": "usd", "payment_method_data[shared_payment_granted_token]": token["id"]}

    made = await account.http.post("/v1/payment_intents", data=given)
    read = await account.http.get(f"/v1/shared_payment/granted_tokens/{token['id']}")

    assert (made.json()["error"]["code"], read.status_code) == ("parameter_unknown", 404)
