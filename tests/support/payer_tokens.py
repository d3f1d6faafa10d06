"""Tokens that a payer's browser or agent gets from Stripe, and sends to the shop."""

import time
from typing import Any

import httpx

from tests.support.shop import key

STRIPES_KEY = {"Authorization": "Bearer sk_test_payer"}
PREVIEW = {"Stripe-Version": "2026-10-28.preview"}
HELPERS = "/v1/test_helpers"
HOUR = 3_600


async def confirmation_token(stripe: httpx.AsyncClient, method: str = "pm_card_visa", **more: Any) -> str:
    """Make the token of what a payer has entered, as Stripe.js does with an own key; returns its id."""
    return await _made(stripe, f"{HELPERS}/confirmation_tokens", {"payment_method": method, **more})


async def granted_token(
    stripe: httpx.AsyncClient,
    method: str = "pm_card_visa",
    *,
    most: int = 10_000,
    currency: str = "usd",
    hours: int = 72,
) -> str:
    """Grant the shop a token of a method, as a payer's agent does; returns its id."""
    given = {
        "payment_method": method,
        "usage_limits[currency]": currency,
        "usage_limits[max_amount]": most,
        "usage_limits[expires_at]": int(time.time()) + hours * HOUR,
    }
    return await _made(stripe, f"{HELPERS}/shared_payment/granted_tokens", given)


async def revoke(stripe: httpx.AsyncClient, token: str) -> None:
    """Take a granted token back."""
    await _made(stripe, f"{HELPERS}/shared_payment/granted_tokens/{token}/revoke", {})


async def _made(stripe: httpx.AsyncClient, path: str, given: dict[str, Any]) -> str:
    headers = {**STRIPES_KEY, **PREVIEW, "Idempotency-Key": key()}
    response = await stripe.post(path, data=given, headers=headers)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])
