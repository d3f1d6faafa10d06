"""Sessions of customers: whose they are, what they show, and that the customer is made at Stripe once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from models import CustomerEvent
from server.http.logs import configure_logging
from services.audit.customer_trail import find_broken_customer_chains
from tests.api.access.test_secrets import _everything_stored
from tests.support.customers import at_stripe, customer_of, customers_at_stripe, kept, saved
from tests.support.shop import ERROR_FIELDS, Client, Json, Shop

SESSION = f"""
  mutation S($components: [CustomerSessionComponent!]!, $customerId: ID) {{
    createCustomerSession(components: $components, customerId: $customerId) {{
      clientSecret expiresAt customer {{ id stripeCustomerId }} errors {{ {ERROR_FIELDS} }}
    }}
  }}
"""
NOTHING = {"clientSecret": None, "expiresAt": None, "customer": None}


async def opened(client: Client, *components: str, customer: str | None = None) -> Json:
    """Open a session; returns the payload."""
    given = list(components) or ["PAYMENT_ELEMENT"]
    payload: Json = (await client.ask(SESSION, components=given, customerId=customer))["createCustomerSession"]
    return payload


def refusal(payload: Json) -> tuple[str, list[str] | None]:
    [error] = payload["errors"]
    assert {name: payload[name] for name in NOTHING} == NOTHING
    return error["code"], error["path"]


async def test_a_buyer_opens_a_session_of_their_own(shop: Shop) -> None:
    await saved(shop)

    payload = await opened(shop.buyer, "PAYMENT_ELEMENT", "MOBILE_PAYMENT_ELEMENT", "CUSTOMER_SHEET")

    [made] = customers_at_stripe(shop)
    hidden = shop.sandbox._store.hidden(payload["clientSecret"])
    ends = datetime.fromisoformat(payload["expiresAt"]) - datetime.now(UTC)
    assert payload["errors"] == []
    assert payload["customer"]["id"] == (await customer_of(shop))["id"]
    assert hidden["customer"] == made["id"]
    assert timedelta(minutes=25) < ends < timedelta(minutes=35)


async def test_the_first_session_makes_the_customer_and_the_chain_tells_it(shop: Shop) -> None:
    await shop.order()

    payload = await opened(shop.buyer)

    [made] = customers_at_stripe(shop)
    [event] = await CustomerEvent.all()
    assert payload["errors"] == []
    assert (await customer_of(shop))["stripeCustomerId"] == made["id"]
    assert made["metadata"]["customer_external_id"] == "buyer"
    assert (event.type, event.actor["id"]) == ("customer.made_at_stripe", "buyer")
    assert await find_broken_customer_chains([event.customer_id]) == {}


async def test_sessions_and_a_payment_at_once_make_one_customer(shop: Shop) -> None:
    order = await shop.order()

    *payloads, paid = await asyncio.gather(
        *(opened(shop.buyer) for _ in range(4)), shop.pay(order, setupFutureUsage="OFF_SESSION")
    )

    assert [payload["errors"] for payload in (*payloads, paid)] == [[]] * 5
    assert len(customers_at_stripe(shop)) == 1
    assert len({payload["clientSecret"] for payload in payloads}) == 4
    assert [event.type for event in await CustomerEvent.all().order_by("sequence")] == [
        "customer.made_at_stripe",
        "payment_method.saved",
    ]


@pytest.mark.shop_settings(sticky_error_seconds=0.001)
@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error_500_before", "error_500_after"])
async def test_a_lost_answer_makes_no_second_customer(shop: Shop, kind: str) -> None:
    await shop.order()
    shop.sandbox.fault(kind=kind, method="POST", path="/v1/customers")

    lost = await opened(shop.buyer)
    again = await opened(shop.buyer)

    [error] = lost["errors"]
    assert (error["code"], error["effect"], error["retryable"]) == ("PROVIDER_UNAVAILABLE", "NONE", True)
    assert again["errors"] == []
    assert len(customers_at_stripe(shop)) == 1


@pytest.mark.shop_settings(stripe_key_life_seconds=0.001)
async def test_a_customer_whose_key_is_too_old_is_looked_for_first(shop: Shop) -> None:
    await shop.order()
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/customers")
    await opened(shop.buyer)
    shop.sandbox.advance(timedelta(days=2).total_seconds())  # Stripe forgets keys

    again = await opened(shop.buyer)

    assert again["errors"] == []
    assert len(customers_at_stripe(shop)) == 1


async def test_a_customer_deleted_at_stripe_is_made_anew_for_a_session(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)
    await at_stripe(shop, "DELETE", f"/v1/customers/{made['id']}")

    payload = await opened(shop.buyer)

    assert payload["errors"] == []
    assert (await customer_of(shop))["stripeCustomerId"] not in (None, made["id"])
    assert await kept(shop) == []


async def test_stripe_away_is_told_with_the_way_on(shop: Shop) -> None:
    await saved(shop)
    shop.sandbox.fault(kind="drop_before", method="POST", path="/v1/customer_sessions")

    away = await opened(shop.buyer)
    again = await opened(shop.buyer)

    [error] = away["errors"]
    assert (error["code"], error["effect"], error["retryable"]) == ("PROVIDER_UNAVAILABLE", "NONE", True)
    assert (away["clientSecret"], again["errors"]) == (None, [])


# -- who may -----------------------------------------------------------------------------------------------------------


async def test_a_service_opens_a_session_of_whom_it_names(shop: Shop) -> None:
    await shop.order()
    customer = await customer_of(shop)

    payload = await opened(shop.staff, customer=customer["id"])

    assert (payload["errors"], payload["customer"]["id"]) == ([], customer["id"])


async def test_a_service_that_names_nobody_is_refused_by_the_field(shop: Shop) -> None:
    assert refusal(await opened(shop.staff)) == ("VALIDATION_FAILED", ["customerId"])


async def test_a_strangers_session_is_not_found(shop: Shop) -> None:
    """Neither for a buyer whom orders know, nor for one whom none has named. Stripe is not asked."""
    await shop.order()
    customer = await customer_of(shop)

    unknown = [await opened(shop.stranger, customer=customer["id"]), await opened(shop.stranger)]
    await shop.order(customer="stranger")
    known = await opened(shop.stranger, customer=customer["id"])

    assert [refusal(payload) for payload in (*unknown, known)] == [("NOT_FOUND", ["customerId"])] * 3
    assert customers_at_stripe(shop) == []


async def test_a_session_for_nothing_is_refused_by_the_field(shop: Shop) -> None:
    await shop.order()

    payload = (await shop.buyer.ask(SESSION, components=[]))["createCustomerSession"]

    assert refusal(payload) == ("VALIDATION_FAILED", ["components"])
    assert customers_at_stripe(shop) == []


async def test_a_sessions_secret_is_stored_and_logged_nowhere(
    shop: Shop, database_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    configure_logging(json=True, level="DEBUG")
    await shop.order()

    secret = (await opened(shop.buyer))["clientSecret"]
    await shop.deliver()

    assert secret.startswith("cuss_secret_")
    assert secret not in "".join(capfd.readouterr()) + caplog.text
    assert secret not in await _everything_stored(database_url)
