"""Valid and invalid requests: keys, parameters, addresses; and the limits of a browser."""

import base64
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.stripe_account import StripeAccount

GOOD = {"amount": 10_000, "currency": "usd"}
WRONG: list[tuple[dict[str, Any], str | None, str]] = [
    ({"amount": 49}, "amount_too_small", "amount"),
    ({"amount": 0}, "parameter_invalid_integer", "amount"),
    ({"amount": -5}, "parameter_invalid_integer", "amount"),
    ({"amount": "10.5"}, "parameter_invalid_integer", "amount"),
    ({"amount": 999_999_999_999}, "amount_too_large", "amount"),
    ({"amount": None}, "parameter_missing", "amount"),
    ({"currency": "USD"}, None, "currency"),
    ({"currency": "isk", "amount": 1_050}, None, "amount"),
    ({"colour": "red"}, "parameter_unknown", "colour"),
    ({"allowed_payment_method_types": ["cardboard"]}, None, "allowed_payment_method_types"),
    ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
    ({"excluded_payment_method_types": ["link"]}, None, "excluded_payment_method_types"),  # cannot be excluded
    (
        {"allowed_payment_method_types": ["card"], "automatic_payment_methods": {"enabled": True}},
        None,
        "allowed_payment_method_types",
    ),
    (
        {"allowed_payment_method_types": ["card"], "excluded_payment_method_types": ["pix"]},
        None,
        "allowed_payment_method_types",
    ),
    ({"allowed_payment_method_types": ["ideal"]}, None, "currency"),
    (
        {"excluded_payment_method_types": ["card"], "payment_method": "pm_card_visa"},
        "payment_intent_incompatible_payment_method",
        "payment_method",
    ),
    ({"automatic_payment_methods": {"enabled": True, "x": 1}}, "parameter_unknown", "automatic_payment_methods[x]"),
    ({"automatic_payment_methods": {}, "capture_method": "soon"}, None, "capture_method"),
    ({"confirm": "perhaps"}, None, "confirm"),
    ({"return_url": "https://shop.test"}, None, "return_url"),
    ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
    ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
    ({"metadata": {str(n): "v" for n in range(51)}}, None, "metadata"),
]


@pytest.mark.parametrize(("given", "code", "param"), WRONG)
async def test_a_wrong_parameter_is_named(
    account: StripeAccount, given: dict[str, Any], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.create_async({k: v for k, v in {**GOOD, **given}.items() if v is not None})

    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert account.sandbox.snapshot().payment_intents == []


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer sk_test_x", 200),
        ("Bearer rk_test_x", 200),
        (f"Basic {base64.b64encode(b'sk_test_x:').decode()}", 200),
        ("Basic ???", 401),
        ("", 401),
        ("Bearer sk_live_x", 401),
        ("Bearer whatever", 401),
        ("Bearer pk_test_x", 401),
    ],
)
async def test_a_test_key_is_needed(account: StripeAccount, authorization: str, status: int) -> None:
    response = await account.browser.get("/v1/payment_intents", headers={"Authorization": authorization})

    assert response.status_code == status
    assert response.headers["request-id"].startswith("req_")
    if status == 401:
        assert response.json()["error"]["type"] == "invalid_request_error"
        assert authorization.rpartition(" ")[2] not in response.text or not authorization


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/coffee"), ("DELETE", "/v1/payment_intents"), ("GET", "/")])
async def test_an_unknown_address_is_not_found(account: StripeAccount, method: str, path: str) -> None:
    response = await account.http.request(method, path)

    assert (response.status_code, response.json()["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize("path", ["payment_intents", "charges", "refunds", "customers", "events", "disputes"])
async def test_an_unknown_object_is_not_found(account: StripeAccount, path: str) -> None:
    response = await account.http.get(f"/v1/{path}/xx_1")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "resource_missing")


@pytest.mark.parametrize("body", [b"\xff", b"amount=%ff", b"a[b=1&a[b][c]=2&a[b]=3", b"a[b][c]=1&a[b]=2"])
async def test_an_unreadable_body_is_refused(account: StripeAccount, body: bytes) -> None:
    response = await account.http.post("/v1/payment_intents", content=body)

    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_answers_carry_stripes_headers(account: StripeAccount) -> None:
    response = await account.http.post("/v1/customers", headers={"Stripe-Version": "2026-10-28.endive"})

    assert response.headers["content-type"] == "application/json"
    assert response.headers["stripe-version"] == "2026-10-28.endive"
    assert response.headers["date"].endswith("GMT")
    assert response.text.startswith('{\n  "id": "cus_')


@pytest.fixture
def payer(account: StripeAccount) -> httpx.AsyncClient:
    """Make a browser with a publishable key."""
    account.browser.headers["Authorization"] = "Bearer pk_test_x"
    return account.browser


async def test_a_browser_confirms_with_the_intents_secret(account: StripeAccount, payer: httpx.AsyncClient) -> None:
    intent = await account.intent(None, metadata={"margin": "40%"})
    path = f"/v1/payment_intents/{intent.id}"

    confirmed = await payer.post(
        f"{path}/confirm",
        data={"client_secret": intent.client_secret, "payment_method": "pm_card_visa", "use_stripe_sdk": "true"},
    )
    seen = await payer.get(path, params={"client_secret": intent.client_secret})

    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "succeeded")
    assert (seen.status_code, seen.json()["metadata"], seen.json()["latest_charge"]) == (200, {}, None)
    assert confirmed.headers["access-control-allow-origin"] == "*"


async def test_a_browser_may_do_nothing_else(account: StripeAccount, payer: httpx.AsyncClient) -> None:
    intent = await account.intent(None)
    path = f"/v1/payment_intents/{intent.id}"

    without = await payer.get(path)
    wrong = await payer.get(path, params={"client_secret": f"{intent.id}_secret_guessed"})
    canceled = await payer.post(f"{path}/cancel", data={"client_secret": intent.client_secret})
    listed = await payer.get("/v1/payment_intents")

    assert [r.status_code for r in (without, wrong, canceled, listed)] == [400, 400, 401, 401]
    assert (await account.again(intent)).status == "requires_payment_method"


async def test_a_browser_asks_before_it_posts(account: StripeAccount) -> None:
    response = await account.browser.options(
        "/v1/payment_intents/pi_1/confirm", headers={"Origin": "https://shop.test"}
    )

    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "*")
