"""Payment methods that customers keep: saved, used again, made the default, detached; here and at Stripe."""

import asyncio

import pytest

from models import CustomerEvent
from services.audit.customer_trail import find_broken_customer_chains
from tests.support.as_stripe_says import reached
from tests.support.customers import (
    CUSTOMER_OF,
    KEEP,
    METHOD,
    PAYLOAD,
    at_stripe,
    customer_of,
    customers_at_stripe,
    kept,
    saved,
)
from tests.support.shop import Shop, key

SET_DEFAULT = f"""
  mutation S($id: ID!, $key: IdempotencyKey!) {{
    setDefaultPaymentMethod(id: $id, idempotencyKey: $key) {{ {PAYLOAD} }}
  }}
"""
DETACH = f"""
  mutation D($id: ID!, $key: IdempotencyKey!) {{ detachPaymentMethod(id: $id, idempotencyKey: $key) {{ {PAYLOAD} }} }}
"""


# -- saving ------------------------------------------------------------------------------------------------------------


async def test_a_card_is_kept_by_paying_with_it(shop: Shop) -> None:
    payload = await shop.pay(await shop.order(), **KEEP)

    [method] = await kept(shop)
    customer = await customer_of(shop)
    [made] = customers_at_stripe(shop)
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")
    assert method["usage"] == "OFF_SESSION"
    assert method["snapshot"] | {"expYear": 0} == {
        "type": "card",
        "brand": "visa",
        "last4": "4242",
        "expMonth": method["snapshot"]["expMonth"],
        "expYear": 0,
    }
    assert customer["stripeCustomerId"] == made["id"]
    assert made["metadata"]["customer_external_id"] == "buyer"
    assert shop.sandbox.snapshot().payment_intents[-1]["customer"] == made["id"]


async def test_a_payment_that_keeps_nothing_makes_no_customer(shop: Shop) -> None:
    await shop.paid()

    assert customers_at_stripe(shop) == []
    assert (await customer_of(shop))["stripeCustomerId"] is None
    assert await kept(shop) == []


async def test_a_known_customer_is_named_in_every_payment(shop: Shop) -> None:
    await saved(shop)

    await shop.paid()

    [made] = customers_at_stripe(shop)
    assert [intent["customer"] for intent in shop.sandbox.snapshot().payment_intents] == [made["id"]] * 2


async def test_a_declined_method_is_not_kept(shop: Shop) -> None:
    payload = await shop.pay(await shop.order(), method="pm_card_chargeDeclined", **KEEP)

    assert [error["code"] for error in payload["errors"]] == ["CARD_DECLINED"]
    assert await kept(shop) == []


async def test_an_order_that_names_nobody_keeps_nothing(shop: Shop) -> None:
    given = {"externalId": "nobodys", "total": {"amount": 10_000, "currency": "USD"}}
    order = (await shop.staff.do("registerOrder", input=given, key=key()))["order"]

    payload = await shop.staff.do(
        "createPayment",
        input={"orderId": order["id"], "expectedAmount": {"amount": 10_000, "currency": "USD"}, **KEEP},
        key=key(),
    )

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", "setupFutureUsage"])
    assert shop.sandbox.snapshot().payment_intents == []


# -- using -------------------------------------------------------------------------------------------------------------


async def test_a_saved_method_pays_the_next_order(shop: Shop) -> None:
    method = await saved(shop, "pm_card_mastercard")

    payload = await shop.pay(await shop.order(), method=None, savedPaymentMethodId=method["id"])  # type: ignore[arg-type]

    intent = shop.sandbox.snapshot().payment_intents[-1]
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")
    assert intent["payment_method"] == shop.sandbox.snapshot().payment_intents[0]["payment_method"]
    assert len(await kept(shop)) == 1


@pytest.mark.parametrize("who", ["stranger", "staff"])
async def test_somebody_elses_saved_method_is_not_found(shop: Shop, who: str) -> None:
    """Neither a buyer nor a service pays an order with a method of another customer. Stripe is not asked."""
    method = await saved(shop)
    order = await shop.order(customer="stranger")
    before = len(shop.sandbox.snapshot().payment_intents)

    payload = await getattr(shop, who).do(
        "createPayment",
        input={
            "orderId": order,
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "savedPaymentMethodId": method["id"],
            "confirm": True,
        },
        key=key(),
    )

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "savedPaymentMethodId"])
    assert len(shop.sandbox.snapshot().payment_intents) == before


async def test_two_methods_at_once_are_refused(shop: Shop) -> None:
    method = await saved(shop)

    payload = await shop.pay(await shop.order(), savedPaymentMethodId=method["id"])

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("VALIDATION_FAILED", ["input", "savedPaymentMethodId"])


async def test_scenario_54_a_method_detached_at_stripe_is_refused_by_its_name(shop: Shop) -> None:
    method = await saved(shop)
    [intent] = shop.sandbox.snapshot().payment_intents
    await at_stripe(shop, "POST", f"/v1/payment_methods/{intent['payment_method']}/detach")

    before_the_webhook = await shop.pay(await shop.order(), method=None, savedPaymentMethodId=method["id"])  # type: ignore[arg-type]
    await shop.deliver()
    after = await shop.pay(await shop.order(), method=None, savedPaymentMethodId=method["id"])  # type: ignore[arg-type]

    assert [error["code"] for error in before_the_webhook["errors"]] == ["PAYMENT_METHOD_UNUSABLE"]
    assert [(error["code"], error["path"]) for error in after["errors"]] == [
        ("PAYMENT_METHOD_UNUSABLE", ["input", "savedPaymentMethodId"])
    ]
    assert await kept(shop) == []


async def test_scenario_54_a_customer_deleted_at_stripe_is_made_anew(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)
    await at_stripe(shop, "DELETE", f"/v1/customers/{made['id']}")

    refused = await shop.pay(await shop.order())
    again = await shop.pay(await shop.order(), **KEEP)

    assert [(error["code"], error["retryable"]) for error in refused["errors"]] == [("PROVIDER_REJECTED", False)]
    assert again["errors"] == []
    assert (await customer_of(shop))["stripeCustomerId"] not in (None, made["id"])
    assert len(await kept(shop)) == 1


# -- the default, and detaching ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["buyer", "staff"])
async def test_a_default_is_set_here_and_at_stripe(shop: Shop, who: str) -> None:
    first = await saved(shop)
    await saved(shop, "pm_card_mastercard")
    one_key = key()

    payload = (await getattr(shop, who).ask(SET_DEFAULT, id=first["id"], key=one_key))["setDefaultPaymentMethod"]
    again = (await getattr(shop, who).ask(SET_DEFAULT, id=first["id"], key=one_key))["setDefaultPaymentMethod"]

    [made] = customers_at_stripe(shop)
    assert payload["errors"] == again["errors"] == []
    assert (payload["replayed"], again["replayed"]) == (False, True)
    assert payload["customer"]["defaultPaymentMethod"] == {"id": first["id"]}
    assert [method["isDefault"] for method in payload["customer"]["paymentMethods"]["nodes"]] == [False, True]
    assert made["invoice_settings"]["default_payment_method"] is not None


@pytest.mark.shop_settings(sticky_error_seconds=0.5, unknown_grace_seconds=0.2)
@pytest.mark.parametrize("kind", ["drop_after", "error_500_after", "drop_before"])
async def test_a_method_is_detached_once_whatever_is_lost(shop: Shop, kind: str) -> None:
    method = await saved(shop)
    await shop.buyer.ask(SET_DEFAULT, id=method["id"], key=key())
    shop.sandbox.fault(kind=kind, method="POST", path="/v1/payment_methods/[^/]+/detach")

    payload = (await shop.buyer.ask(DETACH, id=method["id"], key=key()))["detachPaymentMethod"]
    again = (await shop.buyer.ask(DETACH, id=method["id"], key=key()))["detachPaymentMethod"]

    assert payload["errors"] == again["errors"] == []
    assert payload["operation"]["state"] == again["operation"]["state"] == "SUCCEEDED"
    assert await kept(shop) == []
    assert (await customer_of(shop))["defaultPaymentMethod"] is None
    [intent] = shop.sandbox.snapshot().payment_intents
    assert (await at_stripe(shop, "GET", f"/v1/payment_methods/{intent['payment_method']}"))["customer"] is None


@pytest.mark.parametrize("mutation", ["setDefaultPaymentMethod", "detachPaymentMethod"])
async def test_a_strangers_method_is_not_found(shop: Shop, mutation: str) -> None:
    method = await saved(shop)
    text = SET_DEFAULT if mutation == "setDefaultPaymentMethod" else DETACH

    payload = (await shop.stranger.ask(text, id=method["id"], key=key()))[mutation]

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("NOT_FOUND", ["id"])]
    assert len(await kept(shop)) == 1


async def test_a_detachment_that_nobody_heard_of_ends_by_itself(shop: Shop) -> None:
    method = await saved(shop)
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/payment_methods/[^/]+/detach", times=9)

    payload = (await shop.buyer.ask(DETACH, id=method["id"], key=key()))["detachPaymentMethod"]
    await shop.deliver()

    assert [error["retryable"] for error in payload["errors"]] in ([], [True])
    assert await kept(shop) == []


# -- at Stripe ---------------------------------------------------------------------------------------------------------


async def chosen_at_stripe(shop: Shop, brand: str) -> None:
    """Make the customer's method of this brand their default at Stripe, and deliver the news."""
    [made] = customers_at_stripe(shop)
    listed = await at_stripe(shop, "GET", f"/v1/customers/{made['id']}/payment_methods")
    [method] = [one["id"] for one in listed["data"] if one["card"]["brand"] == brand]
    given = {"invoice_settings[default_payment_method]": method}
    await at_stripe(shop, "POST", f"/v1/customers/{made['id']}", **given)
    await shop.deliver()


async def default_brand(shop: Shop) -> list[str]:
    return [method["snapshot"]["brand"] for method in await kept(shop) if method["isDefault"]]


async def test_an_old_answer_chooses_no_default_that_was_changed_since(shop: Shop) -> None:
    """The answer is lost, another one is chosen at Stripe, and Stripe repeats its first answer to the same key."""
    first = await saved(shop)
    await saved(shop, "pm_card_mastercard")
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/customers/[^/]+", times=99)
    one_key = key()
    lost = (await shop.buyer.ask(SET_DEFAULT, id=first["id"], key=one_key))["setDefaultPaymentMethod"]
    shop.sandbox.clear_faults()
    await chosen_at_stripe(shop, "mastercard")

    again = (await shop.buyer.ask(SET_DEFAULT, id=first["id"], key=one_key))["setDefaultPaymentMethod"]

    assert [error["code"] for error in lost["errors"]] == ["OUTCOME_UNKNOWN"]
    assert (again["errors"], again["operation"]["state"]) == ([], "SUCCEEDED")
    assert await default_brand(shop) == ["mastercard"]


async def test_a_slow_answer_chooses_no_default_that_was_changed_since(shop: Shop) -> None:
    first = await saved(shop)
    await saved(shop, "pm_card_mastercard")
    held = shop.sandbox.fault(kind="hold_after", method="POST", path="/v1/customers/[^/]+")
    choosing = asyncio.create_task(shop.buyer.ask(SET_DEFAULT, id=first["id"], key=key()))
    await reached(shop, held)
    await chosen_at_stripe(shop, "mastercard")
    shop.sandbox.clear_faults()

    payload = (await choosing)["setDefaultPaymentMethod"]

    assert (payload["errors"], payload["operation"]["state"]) == ([], "SUCCEEDED")
    assert await default_brand(shop) == ["mastercard"]


async def test_what_is_done_in_the_dashboard_is_adopted(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)

    attached = await at_stripe(shop, "POST", "/v1/payment_methods/pm_card_mastercard/attach", customer=made["id"])
    await at_stripe(
        shop,
        "POST",
        f"/v1/customers/{made['id']}",
        **{"invoice_settings[default_payment_method]": attached["id"]},
    )
    await shop.deliver()

    newest, oldest = await kept(shop)
    assert {newest["snapshot"]["brand"], oldest["snapshot"]["brand"]} == {"visa", "mastercard"}
    [default] = [method for method in (newest, oldest) if method["isDefault"]]
    assert (default["snapshot"]["brand"], default["usage"]) == ("mastercard", None)


async def test_a_card_that_its_bank_replaced_shows_its_new_expiry(shop: Shop) -> None:
    method = await saved(shop)
    [intent] = shop.sandbox.snapshot().payment_intents
    await shop.stripe(f"payment_methods/{intent['payment_method']}", {"exp_month": 1, "exp_year": 2055})

    await shop.deliver()

    [now] = await kept(shop)
    assert now["id"] == method["id"]
    assert (now["snapshot"]["expMonth"], now["snapshot"]["expYear"]) == (1, 2055)
    assert now["expiresSoon"] is False


async def test_nothing_of_a_persons_is_kept_of_a_customers_event(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)
    await at_stripe(shop, "POST", f"/v1/customers/{made['id']}", name="Ada Lovelace", phone="+15550100")

    await shop.deliver()

    query = '{ webhookEvents(type: ["customer.updated"]) { nodes { state payload } } }'
    [event] = (await shop.staff.ask(query))["webhookEvents"]["nodes"]
    assert event["state"] == "PROCESSED"
    assert "Ada" not in str(event["payload"])


# -- who sees what, and the trail --------------------------------------------------------------------------------------


async def test_a_buyer_reads_their_own_methods_and_nobody_elses(shop: Shop) -> None:
    method = await saved(shop)
    query = f"query N($id: ID!) {{ node(id: $id) {{ ... on SavedPaymentMethod {{ {METHOD} }} }} }}"

    own = (await shop.buyer.ask(query, id=method["id"]))["node"]
    foreign = (await shop.stranger.ask(query, id=method["id"]))["node"]

    assert own["id"] == method["id"]
    assert foreign is None
    assert (await shop.stranger.ask(CUSTOMER_OF, id="buyer"))["customer"] is None


async def test_every_change_of_a_customer_is_in_a_chain_that_holds(shop: Shop) -> None:
    method = await saved(shop)
    await shop.buyer.ask(SET_DEFAULT, id=method["id"], key=key())
    await shop.buyer.ask(DETACH, id=method["id"], key=key())

    events = await CustomerEvent.all().order_by("sequence")

    assert [event.type for event in events] == [
        "customer.made_at_stripe",
        "payment_method.saved",
        "payment_method.default_changed",
        "payment_method.default_changed",
        "payment_method.detached",
    ]
    assert all(event.operation_id is not None for event in events)
    assert await find_broken_customer_chains([event.customer_id for event in events]) == {}
