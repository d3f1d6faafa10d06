"""Customers as tests make, read and change them, here and at Stripe."""

from typing import Any

import httpx

from tests.support.shop import Json, Shop

METHOD = """
  id isDefault usage expiresSoon detachedAt
  snapshot { type ... on CardSnapshot { brand last4 expMonth expYear } ... on BankAccountSnapshot { bank last4 } }
"""
CUSTOMER = f"""
  id externalId stripeCustomerId defaultPaymentMethod {{ id }}
  paymentMethods {{ totalCount nodes {{ {METHOD} }} }}
"""
CUSTOMER_OF = f"query C($id: String!) {{ customer(externalId: $id) {{ {CUSTOMER} }} }}"
PAYLOAD = f"""
  errors {{ code message path retryable }} replayed operation {{ id kind state effect }}
  customer {{ {CUSTOMER} }}
"""
KEEP: Json = {"setupFutureUsage": "OFF_SESSION"}


async def customer_of(shop: Shop, external_id: str = "buyer") -> Json:
    """Read a customer as staff."""
    found: Json = (await shop.staff.ask(CUSTOMER_OF, id=external_id))["customer"]
    return found


async def kept(shop: Shop, external_id: str = "buyer") -> list[Json]:
    """Return the methods that a customer keeps, newest first."""
    nodes: list[Json] = (await customer_of(shop, external_id))["paymentMethods"]["nodes"]
    return nodes


async def at_stripe(shop: Shop, method: str, path: str, **given: Any) -> Json:
    """Call Stripe as the shop's Dashboard does."""
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as http:
        response = await http.request(method, path, data=given, headers={"Authorization": "Bearer sk_test_dashboard"})
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def customers_at_stripe(shop: Shop) -> list[Json]:
    return shop.sandbox.snapshot().customers


async def saved(shop: Shop, method: str = "pm_card_visa", **more: Any) -> Json:
    """Pay with a method that the buyer keeps; returns the saved method."""
    payload = await shop.pay(await shop.order(), method=method, **KEEP, **more)
    assert payload["errors"] == [], payload
    return (await kept(shop))[0]
