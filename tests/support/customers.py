"""Customers and their setups as tests make, read and change them: here, at Stripe, and in the customer's browser."""

from typing import Any

import httpx

from tests.support.shop import ERROR_FIELDS, Client, Json, Shop, key

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
SETUP = f"""
  id status usage createdAt customer {{ externalId }} paymentMethod {{ id snapshot {{ type }} }}
  lastError {{ {ERROR_FIELDS} requestId }}
"""
CREATE_SETUP = f"""
  mutation S($input: CreateSetupIntentInput!, $key: IdempotencyKey!, $secret: Boolean = false) {{
    createSetupIntent(input: $input, idempotencyKey: $key) {{
      replayed errors {{ {ERROR_FIELDS} }} operation {{ id kind state effect attempts }} setupIntent {{ {SETUP} }}
      confirmation @include(if: $secret) {{ clientSecret publishableKey nextAction {{ type redirectUrl }} }}
    }}
  }}
"""
SETUP_OF = f"query S($id: ID!) {{ node(id: $id) {{ id ... on SetupIntent {{ {SETUP} }} }} }}"
SETUP_CONFIRMATION_OF = """
  query C($id: ID!) { setupConfirmation(setupIntentId: $id) { clientSecret nextAction { type redirectUrl expiresAt } } }
"""
BACK = "https://shop.example/back"


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


async def pay_off_session(shop: Shop, order_id: str, *, with_key: str | None = None, **more: Any) -> Json:
    """Send a service's createOffSessionPayment of an order of 100 dollars, and return its payload."""
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}, **more}
    return await shop.staff.do("createOffSessionPayment", input=given, key=with_key or key())


async def with_default(shop: Shop, method: str = "pm_card_visa", **more: Any) -> Json:
    """Let the buyer keep a method and make it their default; returns the saved method."""
    kept_one = await saved(shop, method, **more)
    await shop.buyer.do("setDefaultPaymentMethod", id=kept_one["id"], key=key())
    return kept_one


async def set_up_at_stripe(shop: Shop, method: str, **more: Any) -> tuple[Json, str]:
    """Let the buyer keep a method by a setup at Stripe; returns the saved method, and its id at Stripe."""
    if not customers_at_stripe(shop):
        await saved(shop)
    [made] = customers_at_stripe(shop)
    given = {"customer": made["id"], "payment_method": method, "confirm": "true", "return_url": "https://shop.example/"}
    setup = await at_stripe(shop, "POST", "/v1/setup_intents", **given, **more)
    if setup["status"] == "requires_action":
        await shop.stripe(f"setup_intents/{setup['id']}/complete", {})
    await shop.deliver()
    return (await kept(shop))[0], setup["payment_method"]


async def saved(shop: Shop, method: str = "pm_card_visa", **more: Any) -> Json:
    """Pay with a method that the buyer keeps; returns the saved method."""
    payload = await shop.pay(await shop.order(), method=method, **KEEP, **more)
    assert payload["errors"] == [], payload
    return (await kept(shop))[0]


async def begin_setup(shop: Shop, *, by: Client | None = None, with_key: str | None = None, **more: Any) -> Json:
    """Begin a setup, as the buyer unless another caller is named; returns the payload."""
    secret = more.pop("secret", False)
    variables = {"input": more, "key": with_key or key(), "secret": secret}
    payload: Json = (await (by or shop.buyer).ask(CREATE_SETUP, **variables))["createSetupIntent"]
    return payload


async def begun(shop: Shop, **more: Any) -> str:
    """Begin a setup of a buyer whom an order has named; returns its id."""
    await shop.order()
    payload = await begin_setup(shop, **more)
    assert payload["errors"] == [], payload
    return str(payload["setupIntent"]["id"])


async def setup_of(shop: Shop, setup_id: str, *, by: Client | None = None) -> Json:
    """Read a setup, as staff unless another caller is named."""
    found: Json = (await (by or shop.staff).ask(SETUP_OF, id=setup_id))["node"]
    return found


def setups_at_stripe(shop: Shop) -> list[Json]:
    """Return the setups that Stripe has."""
    return shop.sandbox.snapshot().setup_intents


async def browser_sets_up(shop: Shop, method: str = "pm_card_visa", **given: Any) -> httpx.Response:
    """Confirm the newest setup at Stripe itself, as the customer's browser does."""
    setup = setups_at_stripe(shop)[-1]
    data = {"payment_method": method, "client_secret": setup["client_secret"], "return_url": BACK, **given}
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as browser:
        headers = {"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()}
        return await browser.post(f"/v1/setup_intents/{setup['id']}/confirm", data=data, headers=headers)


def intents(shop: Shop) -> list[Json]:
    return shop.sandbox.snapshot().payment_intents


def charges_of(shop: Shop, intent: Json) -> list[str]:
    """Return the statuses of all charges of an intent, oldest first."""
    return [charge["status"] for charge in shop.sandbox.snapshot().charges if charge["payment_intent"] == intent["id"]]
