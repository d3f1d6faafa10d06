"""Possible answers of Stripe: bodies, and a provider over the real library that receives exactly them."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from domain.deadlines import NEVER
from provider import Provider, ProviderFailure, ProviderPayment

SECRET = "pi_1_secret_tellnobody"
WORDS = "the body's own words"  # in every body; must be in no log
KEY = "sk_test_tellnobody"


def intent(**changes: Any) -> dict[str, Any]:
    """Build a PaymentIntent as Stripe returns it."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "requires_payment_method",
        "livemode": False,
        "currency": "usd",
        "amount": 1_099,
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic",
        "created": 1_700_000_000,
        "latest_charge": None,
        "last_payment_error": None,
        "next_action": None,
        "payment_method": None,
        "client_secret": SECRET,
        "metadata": {"order": "1001"},
        **changes,
    }


def refund(**changes: Any) -> dict[str, Any]:
    """Build a Refund as Stripe returns it."""
    return {
        "id": "re_1",
        "object": "refund",
        "status": "succeeded",
        "currency": "usd",
        "amount": 500,
        "payment_intent": "pi_1",
        "reason": None,
        "created": 1_700_000_000,
        "metadata": {},
        **changes,
    }


def error(type: str = "invalid_request_error", **details: Any) -> dict[str, Any]:
    """Build an error's body."""
    return {"error": {"type": type, "message": WORDS, **details}}


def provider_hearing(answer: Callable[[httpx.Request], httpx.Response]) -> Provider:
    """Make a provider whose Stripe answers so, beneath the real library."""
    return Provider(secret_key=KEY, livemode=False, transport=httpx.MockTransport(answer))


def saying(status: int, body: object, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    """Make an answer: bytes are sent as they are, all else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: httpx.Response(status, content=content, headers={"request-id": "req_1", **headers})


async def confirm(answer: Callable[[httpx.Request], httpx.Response]) -> ProviderPayment:
    """Confirm a payment with a Stripe that answers so."""
    provider = provider_hearing(answer)
    try:
        return await provider.confirm_payment("pi_1", {"payment_method": "pm_1"}, key="k", until=NEVER)
    finally:
        await provider.close()


async def failure_of(answer: Callable[[httpx.Request], httpx.Response]) -> ProviderFailure:
    """Return the failure that confirming raises with a Stripe that answers so."""
    with pytest.raises(ProviderFailure) as raised:
        await confirm(answer)
    return raised.value
