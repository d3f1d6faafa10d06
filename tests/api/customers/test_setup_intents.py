"""Setups: a customer keeps a payment method without paying; begun here, confirmed in their browser, kept once."""

import asyncio

import pytest

from database.statements import query_rows
from domain.caller import Scope
from models import CustomerEvent, Operation
from services.audit.customer_trail import find_broken_customer_chains
from tests.support.customers import (
    BACK,
    SETUP_CONFIRMATION_OF,
    SETUP_OF,
    at_stripe,
    begin_setup,
    begun,
    browser_sets_up,
    customer_of,
    customers_at_stripe,
    kept,
    saved,
    setup_of,
    setups_at_stripe,
)
from tests.support.shop import Client, Shop, key, token

US_BANK = "pm_usBankAccount_microdeposits"


# -- beginning ---------------------------------------------------------------------------------------------------------


async def test_a_card_is_kept_without_paying(shop: Shop) -> None:
    await shop.order()
    payload = await begin_setup(shop, secret=True)
    [begun_at_stripe] = setups_at_stripe(shop)

    answer = await browser_sets_up(shop)
    await shop.deliver()

    setup = await setup_of(shop, payload["setupIntent"]["id"])
    [method] = await kept(shop)
    [made] = customers_at_stripe(shop)
    assert (payload["errors"], payload["replayed"]) == ([], False)
    assert (payload["operation"]["state"], payload["operation"]["effect"]) == ("SUCCEEDED", "APPLIED")
    assert payload["setupIntent"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert payload["confirmation"]["clientSecret"] == begun_at_stripe["client_secret"]
    assert (begun_at_stripe["customer"], begun_at_stripe["usage"]) == (made["id"], "off_session")
    assert answer.status_code == 200
    assert (setup["status"], setup["lastError"]) == ("SUCCEEDED", None)
    assert setup["paymentMethod"] == {"id": method["id"], "snapshot": {"type": "card"}}
    assert method["usage"] == "OFF_SESSION"
    assert shop.sandbox.snapshot().payment_intents == []


async def test_a_kept_method_pays_the_next_order(shop: Shop) -> None:
    await begun(shop)
    await browser_sets_up(shop, "pm_card_mastercard")
    await shop.deliver()
    [method] = await kept(shop)

    payload = await shop.pay(await shop.order(), method=None, savedPaymentMethodId=method["id"])  # type: ignore[arg-type]

    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")


async def test_a_usage_is_what_the_customer_agrees_to(shop: Shop) -> None:
    setup_id = await begun(shop, usage="ON_SESSION")
    await browser_sets_up(shop)
    await shop.deliver()

    assert setups_at_stripe(shop)[0]["usage"] == "on_session"
    assert (await setup_of(shop, setup_id))["usage"] == "ON_SESSION"
    assert [method["usage"] for method in await kept(shop)] == ["ON_SESSION"]


async def test_a_known_customer_is_made_once(shop: Shop) -> None:
    await saved(shop)

    payloads = await asyncio.gather(*(begin_setup(shop) for _ in range(3)))

    [made] = customers_at_stripe(shop)
    assert [payload["errors"] for payload in payloads] == [[]] * 3
    assert [setup["customer"] for setup in setups_at_stripe(shop)] == [made["id"]] * 3


async def test_two_first_setups_at_once_make_one_customer(shop: Shop) -> None:
    await shop.order()

    payloads = await asyncio.gather(*(begin_setup(shop) for _ in range(4)))

    [made] = customers_at_stripe(shop)
    assert [payload["errors"] for payload in payloads] == [[]] * 4
    assert [setup["customer"] for setup in setups_at_stripe(shop)] == [made["id"]] * 4


# -- the key -----------------------------------------------------------------------------------------------------------


async def test_a_repeated_key_is_the_same_setup(shop: Shop) -> None:
    await shop.order()
    one_key = key()
    first, second = await begin_setup(shop, with_key=one_key), await begin_setup(shop, with_key=one_key, secret=True)

    [setup] = setups_at_stripe(shop)
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert first["setupIntent"]["id"] == second["setupIntent"]["id"]
    assert second["confirmation"]["clientSecret"] == setup["client_secret"]


async def test_the_same_key_at_once_is_one_setup(shop: Shop) -> None:
    await shop.order()
    one_key = key()

    payloads = await asyncio.gather(*(begin_setup(shop, with_key=one_key) for _ in range(4)))

    assert len(setups_at_stripe(shop)) == 1
    assert {payload["setupIntent"]["id"] for payload in payloads if not payload["errors"]} == {
        payloads[0]["setupIntent"]["id"]
    }


async def test_a_key_of_another_request_is_refused(shop: Shop) -> None:
    await shop.order()
    one_key = key()
    await begin_setup(shop, with_key=one_key)

    other = await begin_setup(shop, with_key=one_key, usage="ON_SESSION")

    [error] = other["errors"]
    assert (error["code"], error["mismatchedPaths"]) == ("IDEMPOTENCY_KEY_REUSED", ["usage"])
    assert len(setups_at_stripe(shop)) == 1


# -- who ---------------------------------------------------------------------------------------------------------------


async def test_a_service_names_the_customer(shop: Shop) -> None:
    await shop.order()
    customer = await customer_of(shop)

    unnamed = await begin_setup(shop, by=shop.staff)
    payload = await begin_setup(shop, by=shop.staff, customerId=customer["id"])

    assert [(error["code"], error["path"]) for error in unnamed["errors"]] == [
        ("VALIDATION_FAILED", ["input", "customerId"])
    ]
    assert payload["errors"] == []
    assert payload["setupIntent"]["customer"] == {"externalId": "buyer"}


async def test_somebody_else_is_not_found_and_stripe_is_not_asked(shop: Shop) -> None:
    await shop.order()
    await shop.order(customer="stranger")
    customer = await customer_of(shop)
    before = len(shop.sandbox.snapshot().requests)

    payload = await begin_setup(shop, by=shop.stranger, customerId=customer["id"])

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("NOT_FOUND", ["input", "customerId"])]
    assert len(shop.sandbox.snapshot().requests) == before
    assert await query_rows("SELECT id FROM setup_intent") == []


async def test_a_buyer_whom_no_order_has_named_is_not_found(shop: Shop) -> None:
    payload = await begin_setup(shop)

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("NOT_FOUND", ["input", "customerId"])]


async def test_a_setup_is_seen_by_its_customer_and_the_staff_alone(shop: Shop) -> None:
    setup_id = await begun(shop)
    finance = Client(shop.http, token("finance", Scope.FINANCE_READ.value))

    seen = [await setup_of(shop, setup_id, by=one) for one in (shop.buyer, shop.staff, shop.stranger)]
    refused = (await finance.post(SETUP_OF, {"id": setup_id})).json()

    assert [one is not None for one in seen] == [True, True, False]
    assert refused["data"] == {"node": None}


async def test_the_secret_is_for_the_customer_and_for_services_that_take_payments(shop: Shop) -> None:
    setup_id = await begun(shop)
    reader = Client(shop.http, token("reader", Scope.PAYMENTS_READ.value))
    [setup] = setups_at_stripe(shop)

    told = [
        (await one.ask(SETUP_CONFIRMATION_OF, id=setup_id))["setupConfirmation"]
        for one in (shop.buyer, shop.staff, shop.stranger)
    ]
    refused = (await reader.post(SETUP_CONFIRMATION_OF, {"id": setup_id})).json()

    assert [one and one["clientSecret"] for one in told] == [setup["client_secret"]] * 2 + [None]
    assert refused["data"] == {"setupConfirmation": None}
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_nothing_is_left_to_confirm_after_the_end(shop: Shop) -> None:
    setup_id = await begun(shop)
    await browser_sets_up(shop)
    await shop.deliver()

    assert (await shop.buyer.ask(SETUP_CONFIRMATION_OF, id=setup_id))["setupConfirmation"] is None


async def test_the_secret_is_stored_nowhere(shop: Shop) -> None:
    await shop.order()
    await begin_setup(shop, secret=True)
    await browser_sets_up(shop, "pm_card_authenticationRequired")
    await shop.deliver()
    [setup] = setups_at_stripe(shop)
    tables = ("operation", "setup_intent", "customer_event", "webhook_event", "customer")

    stored = str([await query_rows(f"SELECT t::text AS row FROM {table} t") for table in tables])

    assert setup["id"] in stored
    assert setup["client_secret"].partition("_secret_")[2] not in stored


# -- the customer's part -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "status", "methods"), [("complete", "SUCCEEDED", 1), ("fail", None, 0)])
async def test_a_bank_that_asks_the_customer(shop: Shop, how: str, status: str | None, methods: int) -> None:
    setup_id = await begun(shop)
    await browser_sets_up(shop, "pm_card_authenticationRequired")
    await shop.deliver()
    waiting = await setup_of(shop, setup_id)
    step = (await shop.buyer.ask(SETUP_CONFIRMATION_OF, id=setup_id))["setupConfirmation"]["nextAction"]

    [at_stripe_now] = setups_at_stripe(shop)
    await shop.stripe(f"setup_intents/{at_stripe_now['id']}/{how}", {})
    await shop.deliver()

    setup = await setup_of(shop, setup_id)
    assert (waiting["status"], step["type"]) == ("REQUIRES_ACTION", "redirect_to_url")
    assert step["redirectUrl"] is not None
    assert setup["status"] == (status or "REQUIRES_PAYMENT_METHOD")
    assert len(await kept(shop)) == methods


async def test_a_decline_is_told_in_the_language_of_the_buyer(shop: Shop) -> None:
    setup_id = await begun(shop)
    declined = await browser_sets_up(shop, "pm_card_chargeDeclinedExpiredCard")
    await shop.deliver()
    headers = {"Authorization": f"Bearer {shop.buyer.token}", "Accept-Language": "de"}

    answer = await shop.http.post("/graphql", json={"query": SETUP_OF, "variables": {"id": setup_id}}, headers=headers)

    setup = answer.json()["data"]["node"]
    error = setup["lastError"]
    [event] = [one for one in shop.sandbox.snapshot().events if one["type"] == "setup_intent.setup_failed"]
    assert declined.status_code == 402
    assert (setup["status"], setup["paymentMethod"]) == ("REQUIRES_PAYMENT_METHOD", None)
    assert (error["code"], error["declineCode"]) == ("CARD_DECLINED", "expired_card")
    assert error["customerMessage"].startswith("Die Karte ist abgelaufen.")
    assert error["requestId"] == event["request"]["id"]
    assert await kept(shop) == []


async def test_a_second_attempt_succeeds_and_clears_the_error(shop: Shop) -> None:
    setup_id = await begun(shop)
    await browser_sets_up(shop, "pm_card_chargeDeclinedExpiredCard")
    await shop.deliver()
    await browser_sets_up(shop)
    await shop.deliver()

    setup = await setup_of(shop, setup_id)
    assert (setup["status"], setup["lastError"]) == ("SUCCEEDED", None)
    assert len(await kept(shop)) == 1


async def test_a_bank_account_is_verified_on_stripes_page(shop: Shop) -> None:
    """Amounts of a few cents take days to arrive: the page is asked for again by the setup's id."""
    setup_id = await begun(shop)
    await browser_sets_up(shop, US_BANK)
    await shop.deliver()
    [waiting] = setups_at_stripe(shop)

    step = (await shop.buyer.ask(SETUP_CONFIRMATION_OF, id=setup_id))["setupConfirmation"]["nextAction"]
    await at_stripe(shop, "POST", f"/v1/setup_intents/{waiting['id']}/verify_microdeposits", descriptor_code="SM11AA")
    await shop.deliver()

    page = waiting["next_action"]["verify_with_microdeposits"]["hosted_verification_url"]
    assert (step["type"], step["redirectUrl"]) == ("verify_with_microdeposits", page)
    assert (await setup_of(shop, setup_id))["status"] == "SUCCEEDED"
    [method] = await kept(shop)
    assert method["snapshot"]["type"] == "us_bank_account"


async def test_a_setup_that_is_canceled_at_stripe_is_over(shop: Shop) -> None:
    setup_id = await begun(shop)
    [setup] = setups_at_stripe(shop)
    await at_stripe(shop, "POST", f"/v1/setup_intents/{setup['id']}/cancel")
    await shop.deliver()

    assert (await setup_of(shop, setup_id))["status"] == "CANCELED"


async def test_a_setup_of_another_program_is_nobodys_and_its_method_is_adopted(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)
    await at_stripe(
        shop,
        "POST",
        "/v1/setup_intents",
        customer=made["id"],
        payment_method="pm_card_mastercard",
        confirm="true",
        return_url=BACK,
    )
    await shop.deliver()

    events = await query_rows("SELECT state FROM webhook_event WHERE type LIKE 'setup_intent%'")
    assert await query_rows("SELECT id FROM setup_intent") == []
    assert {event["state"] for event in events} == {"IGNORED"}
    assert len(await kept(shop)) == 2


# -- the trail, and lists ----------------------------------------------------------------------------------------------


async def test_every_change_is_in_the_customers_chain(shop: Shop) -> None:
    await begun(shop)
    await browser_sets_up(shop, "pm_card_chargeDeclinedExpiredCard")
    await shop.deliver()
    await browser_sets_up(shop)
    await shop.deliver()

    events = await CustomerEvent.all().order_by("sequence")
    made_by = await Operation.get(kind="CREATE_SETUP_INTENT")
    assert [event.type for event in events] == [
        "setup_intent.initiated",
        "customer.made_at_stripe",
        "setup_intent.requires_payment_method",
        "setup_intent.failed",
        "payment_method.saved",  # by the event of its attachment, which does not tell what was agreed to
        "payment_method.updated",
        "setup_intent.succeeded",
    ]
    assert [event.operation_id for event in events[:3]] == [made_by.id] * 3
    assert (events[0].actor["kind"], events[-1].actor["kind"]) == ("CUSTOMER", "STRIPE_WEBHOOK")
    assert events[3].after["decline_code"] == "expired_card"
    assert await find_broken_customer_chains([events[0].customer_id]) == {}


async def test_setups_are_listed_below_their_customer(shop: Shop) -> None:
    first, second = await begun(shop), await begun(shop)
    query = """query C($id: String!) { customer(externalId: $id) {
      setupIntents(first: 1) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } } }"""

    page = (await shop.buyer.ask(query, id="buyer"))["customer"]["setupIntents"]

    assert (page["totalCount"], page["nodes"], page["pageInfo"]["hasNextPage"]) == (2, [{"id": second}], True)
    assert first != second


async def test_an_operation_tells_its_setup(shop: Shop) -> None:
    await shop.order()
    one_key = key()
    payload = await begin_setup(shop, with_key=one_key)
    query = """query K($key: IdempotencyKey!) {
      operation(key: $key, kind: CREATE_SETUP_INTENT) { result { ... on SetupIntent { id } } } }"""

    mine = (await shop.buyer.ask(query, key=one_key))["operation"]

    assert mine["result"] == {"id": payload["setupIntent"]["id"]}
