"""Tokens that a payer's browser or agent gets from Stripe, and sends to the shop."""

from typing import Any

import httpx

from tests.support.shop import key

STRIPES_KEY = {"Authorization": "Bearer sk_test_payer"}


async def confirmation_token(stripe: httpx.AsyncClient, method: str = "pm_card_visa", **more: Any) -> str:
    """Make the token of what a payer has entered, as Stripe.js does with an own key; returns its id."""
    given = {"payment_method": method, **more}
    headers = {**STRIPES_KEY, "Idempotency-Key": key()}
    response = await stripe.post("/v1/test_helpers/confirmation_tokens", data=given, headers=headers)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])
