"""Objects besides payments: setups, tokens, endpoints, payouts, reviews; deletion; search."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import Json, StripeAccount


async def _get(account: StripeAccount, path: str) -> Json:
    response = await account.http.get(path)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


async def test_every_object_has_the_fields_of_stripes_library(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({"email": "a@shop.test"})
    paid = await account.pay(customer=customer.id)
    await account.refund(paid, 1_000)
    await account.pay("pm_card_createDispute")
    await account.v1.setup_intents.create_async({"customer": customer.id, "payment_method": "pm_card_visa"})
    await account.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    await account.v1.webhook_endpoints.create_async({"url": "https://shop.test/", "enabled_events": ["*"]})
    await account.lever("POST", "payouts", {"amount": 500, "currency": "usd"})
    await account.lever("POST", "reviews", {"payment_intent": paid.id})
    await account.lever("POST", "early_fraud_warnings", {"payment_intent": paid.id})

    for name in (
        *("balance_transactions", "charges", "customers", "disputes", "payment_intents", "payouts", "refunds"),
        *("setup_intents", "webhook_endpoints", "events", "reviews", "radar/early_fraud_warnings"),
        f"customers/{customer.id}/payment_methods",
    ):
        page = await _get(account, f"/v1/{name}?limit=100")
        assert page["object"] == "list"
        assert problems(page) == [], name
        assert await _get(account, f"/v1/{name}/{page['data'][0]['id']}") == page["data"][0]
    assert problems(await _get(account, "/v1/balance")) == []


async def test_a_method_is_set_up_for_later(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    setup = await account.v1.setup_intents.create_async({"customer": customer.id, "usage": "off_session"})

    done = await account.v1.setup_intents.confirm_async(
        setup.id, {"payment_method": "pm_card_visa", "return_url": "https://shop.test/"}
    )

    assert (setup.status, done.status, done.usage) == ("requires_payment_method", "succeeded", "off_session")
    kept = await account.v1.payment_methods.list_async({"customer": customer.id})
    assert [method.id for method in kept.data] == [done.payment_method]
    assert (await account.pay(done.payment_method, customer=customer.id)).status == "succeeded"


@pytest.mark.parametrize(("answer", "status"), [("complete", "succeeded"), ("fail", "requires_payment_method")])
async def test_a_payer_is_asked_for_a_setup(account: StripeAccount, answer: str, status: str) -> None:
    setup = await account.v1.setup_intents.create_async(
        {"payment_method": "pm_card_authenticationRequired", "confirm": True, "return_url": "https://shop.test/"}
    )

    await account.lever("POST", f"setup_intents/{setup.id}/{answer}")

    after = await account.v1.setup_intents.retrieve_async(setup.id)
    assert (setup.status, after.status) == ("requires_action", status)
    assert (after.last_setup_error is None) is (answer == "complete")


async def test_a_payer_keeps_a_method_on_a_page_in_the_browser(account: StripeAccount) -> None:
    setup = await account.v1.setup_intents.create_async(
        {"payment_method": "pm_card_authenticationRequired", "confirm": True, "return_url": "https://shop.test/"}
    )
    page = setup.next_action.redirect_to_url.url

    shown = await account.browser.get(page)
    sent = await account.browser.post(page, data={"result": "complete"})

    assert (shown.status_code, "Keep this payment method" in shown.text) == (200, True)
    assert (sent.status_code, sent.headers["location"].partition("=")[0]) == (303, "https://shop.test/?setup_intent")
    assert (await account.v1.setup_intents.retrieve_async(setup.id)).status == "succeeded"


async def test_a_setup_and_a_method_are_changed(account: StripeAccount) -> None:
    setup = await account.v1.setup_intents.create_async({})
    method = await account.v1.payment_methods.retrieve_async("pm_card_visa")
    customer = await account.v1.customers.create_async({})

    changed = await account.v1.setup_intents.update_async(
        setup.id, {"payment_method": method.id, "metadata": {"a": "1"}, "description": "Later"}
    )
    with pytest.raises(stripe.InvalidRequestError, match="save this PaymentMethod"):
        await account.v1.payment_methods.update_async(method.id, {"billing_details": {"name": "A"}})
    await account.v1.payment_methods.attach_async(method.id, {"customer": customer.id})
    named = await account.v1.payment_methods.update_async(method.id, {"billing_details": {"name": "A"}})

    assert (changed.status, changed.payment_method, changed.description) == (
        "requires_confirmation",
        method.id,
        "Later",
    )
    assert (named.billing_details.name, problems(named.to_dict())) == ("A", [])
    assert problems(changed.to_dict()) == []


async def test_a_setup_is_declined_or_given_up(account: StripeAccount) -> None:
    setup = await account.v1.setup_intents.create_async(
        {
            "payment_method": "pm_card_chargeDeclined",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )

    with pytest.raises(stripe.CardError) as caught:
        await account.v1.setup_intents.confirm_async(setup.id)
    canceled = await account.v1.setup_intents.cancel_async(setup.id, {"cancellation_reason": "abandoned"})

    assert caught.value.code == "card_declined"
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert [event["type"] for event in account.events()][-2:] == ["setup_intent.setup_failed", "setup_intent.canceled"]


async def test_who_is_gone_is_named_and_no_more(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    paid = await account.pay(customer=customer.id)

    gone = await _answer(account.http.delete(f"/v1/customers/{customer.id}"))

    stub = {"id": customer.id, "object": "customer", "deleted": True}
    assert gone == stub
    assert await _get(account, f"/v1/customers/{customer.id}") == stub
    assert (await _get(account, f"/v1/payment_intents/{paid.id}?expand[]=customer"))["customer"] == stub
    assert (await _get(account, "/v1/customers"))["data"] == []
    for act in (account.v1.customers.update_async, account.v1.customers.delete_async):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await act(customer.id)
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


async def _answer(request: Any) -> Json:
    answer: Json = (await request).json()
    return answer


async def test_an_endpoint_is_kept_changed_and_deleted(account: StripeAccount) -> None:
    made = await account.v1.webhook_endpoints.create_async({"url": "https://a.test/", "enabled_events": ["*"]})
    changed = await account.v1.webhook_endpoints.update_async(made.id, {"url": "https://b.test/", "disabled": True})
    gone = await _answer(account.http.delete(f"/v1/webhook_endpoints/{made.id}"))

    assert made.secret.startswith("whsec_")
    assert (changed.url, changed.status, "secret" in changed) == ("https://b.test/", "disabled", False)
    assert gone == {"id": made.id, "object": "webhook_endpoint", "deleted": True}
    assert (await account.http.get(f"/v1/webhook_endpoints/{made.id}")).status_code == 404


async def test_a_customers_app_gets_what_it_needs(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})

    session = await account.v1.customer_sessions.create_async(
        {"customer": customer.id, "components": {"payment_element": {"enabled": True}}}
    )
    key = await account.v1.ephemeral_keys.create_async(
        {"customer": customer.id}, {"stripe_version": "2026-10-28.endive"}
    )
    await account.v1.ephemeral_keys.delete_async(key.id)

    assert problems(session.to_dict()) == []
    assert session.client_secret.startswith("cuss_secret_")
    assert (session.components.payment_element.enabled, session.components.buy_button.enabled) == (True, False)
    assert session.components.payment_element.features.payment_method_redisplay == "disabled"
    assert key.secret.startswith("ek_test_")
    assert (await account.http.delete(f"/v1/ephemeral_keys/{key.id}")).status_code == 404


async def test_a_confirmation_token_pays_once(account: StripeAccount) -> None:
    token = await account.v1.test_helpers.confirmation_tokens.create_async({"payment_method": "pm_card_visa"})
    first, second = await account.intent(None), await account.intent(None)

    paid = await account.v1.payment_intents.confirm_async(first.id, {"confirmation_token": token.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.confirm_async(second.id, {"confirmation_token": token.id})

    assert (token.payment_method_preview.type, token.payment_intent) == ("card", None)
    assert (paid.status, caught.value.param) == ("succeeded", "confirmation_token")
    assert (await account.v1.confirmation_tokens.retrieve_async(token.id)).payment_intent == first.id


async def test_a_charge_is_noted_on_and_captured_the_old_way(account: StripeAccount) -> None:
    held = await account.pay(capture_method="manual")
    charge_id = held.latest_charge.id

    noted = await account.v1.charges.update_async(charge_id, {"metadata": {"a": "1"}, "description": "Sent"})
    taken = await account.v1.charges.capture_async(charge_id, {"amount": 4_000})

    assert (noted.metadata["a"], noted.description) == ("1", "Sent")
    assert (taken.captured, taken.amount_captured) == (True, 4_000)
    assert (await account.again(held)).status == "succeeded"


async def test_a_payout_moves_the_balance_and_may_come_back(account: StripeAccount) -> None:
    await account.pay()

    paid = await account.lever("POST", "payouts", {"amount": 5_000, "currency": "usd"})
    failed = await account.lever("POST", "payouts", {"amount": 1_000, "currency": "usd", "status": "failed"})

    moved = [m["amount"] for m in account.sandbox.snapshot().balance_transactions if m["type"].startswith("payout")]
    assert (paid["status"], failed["status"], failed["failure_code"]) == ("paid", "failed", "account_closed")
    assert moved == [-5_000, -1_000, 1_000]
    assert [event["type"] for event in account.events()][-4:] == [
        "payout.created",
        "payout.paid",
        "payout.created",
        "payout.failed",
    ]


async def test_a_review_is_closed_by_an_approval(account: StripeAccount) -> None:
    paid = await account.pay()
    review = await account.lever("POST", "reviews", {"payment_intent": paid.id})

    during = await account.again(paid)
    closed = await account.v1.reviews.approve_async(review["id"])

    assert (during.review, closed.open, closed.closed_reason) == (review["id"], False, "approved")


SEARCHES: list[tuple[str, list[str]]] = [
    ("status:'succeeded'", ["b", "a"]),
    ('amount>10000 AND currency:"usd"', ["c", "b"]),
    ("amount<=10000 OR amount:30000", ["c", "a"]),
    ("metadata['name']:'b'", ["b"]),
    ("-metadata['name']:'b'", ["c", "a"]),
    ("-metadata['other']:null", []),
    ("metadata['other']:null amount>=20000", ["c", "b"]),
]


@pytest.mark.parametrize(("query", "found"), SEARCHES)
async def test_a_search_finds_what_it_says(account: StripeAccount, query: str, found: list[str]) -> None:
    await account.pay(amount=10_000, metadata={"name": "a"})
    await account.pay(amount=20_000, metadata={"name": "b"})
    await account.intent(amount=30_000, metadata={"name": "c"})

    answer = await account.v1.payment_intents.search_async({"query": query})

    assert [item.metadata["name"] for item in answer.data] == found
    assert (answer.object, answer.url, answer.has_more) == ("search_result", "/v1/payment_intents/search", False)


async def test_customers_and_charges_are_searched_by_their_own_fields(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({"email": "Ann@shop.test", "name": "Ann"})
    paid = await account.pay("pm_card_mastercard", customer=customer.id)

    people = await account.v1.customers.search_async({"query": "email~'ann@'"})
    card = "payment_method_details.card"
    charges = await account.v1.charges.search_async({"query": f"{card}.last4:4444 AND {card}.brand:'mastercard'"})

    assert [person.id for person in people.data] == [customer.id]
    assert [charge.payment_intent for charge in charges.data] == [paid.id]


async def test_a_search_goes_on_page_by_page(account: StripeAccount) -> None:
    made = [(await account.intent(None)).id for _ in range(5)]

    found = await account.v1.payment_intents.search_async({"query": "currency:'usd'", "limit": 2})
    seen = [item.id async for item in found.auto_paging_iter()]

    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query",
    ["", "amount", "amount:'x'", "colour:'red'", "status~'s'", "amount>1 AND amount<9 OR amount:5", "status:'a' AND"],
)
async def test_a_search_that_says_nothing_is_refused(account: StripeAccount, query: str) -> None:
    response = await account.http.get("/v1/payment_intents/search", params={"query": query})

    assert (response.status_code, response.json()["error"]["param"]) == (400, "query")


async def test_refunds_are_not_searched(account: StripeAccount) -> None:
    response = await account.http.get("/v1/refunds/search")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "resource_missing")


async def test_an_event_destination_is_sent_notifications(account: StripeAccount) -> None:
    await account.lever("POST", "settings", {"event_payload": "thin"})
    intent = await account.intent(None)

    await account.sandbox.deliver_due()

    [note] = account.webhooks.events
    [event] = account.events("payment_intent.created")
    assert (note["object"], note["type"]) == ("v2.core.event", "v1.payment_intent.created")
    assert note["related_object"] == {
        "id": intent.id,
        "type": "payment_intent",
        "url": f"/v1/payment_intents/{intent.id}",
    }
    assert "data" not in note
    request = account.webhooks.requests[0]
    parsed = account.client.parse_event_notification(request.content, request.headers["stripe-signature"], "whsec_test")
    assert parsed.id == note["id"]
    whole = await _get(account, f"/v2/core/events/{note['id']}")
    assert (whole["snapshot_event"], whole["type"]) == (event["id"], note["type"])
    assert (await account.http.get(f"/v2/core/events/{event['id']}")).status_code == 404
