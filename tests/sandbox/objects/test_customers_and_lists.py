"""Customers and their methods; lists with filters and pages; expansion."""

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import DAY, StripeAccount


async def _customer(account: StripeAccount, **more: Any) -> Any:
    return await account.v1.customers.create_async({"email": "a@shop.test", **more})


async def test_a_customer_comes_changes_and_goes(account: StripeAccount) -> None:
    customer = await _customer(account, metadata={"a": "1"}, address={"city": "Bern"})

    changed = await account.v1.customers.update_async(customer.id, {"name": "Ada", "metadata": {"a": ""}})
    gone = await account.v1.customers.delete_async(customer.id)

    assert (customer.address.city, customer.address.line1) == ("Bern", None)
    assert (changed.name, changed.metadata.to_dict()) == ("Ada", {})
    assert (gone.id, gone.deleted) == (customer.id, True)
    assert (await account.v1.customers.retrieve_async(customer.id)).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.intent(customer=customer.id)
    assert (caught.value.code, caught.value.param) == ("resource_missing", "customer")
    [updated] = account.events("customer.updated")
    assert updated["data"]["previous_attributes"] == {"name": None, "metadata": {"a": "1"}}


async def test_a_method_belongs_to_one_customer_until_it_is_detached_for_good(account: StripeAccount) -> None:
    owner, other = await _customer(account), await _customer(account)
    method = await account.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    await account.v1.payment_methods.attach_async(method.id, {"customer": owner.id})

    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.payment_methods.attach_async(method.id, {"customer": other.id})
    strange = await account.intent(None, customer=other.id)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        await account.v1.payment_intents.confirm_async(strange.id, {"payment_method": method.id})
    for _ in range(2):
        assert (await account.pay(method.id, customer=owner.id)).status == "succeeded"
    listed = await account.v1.customers.payment_methods.list_async(owner.id)
    await account.v1.payment_methods.detach_async(method.id)

    assert [item.id for item in listed.data] == [method.id]
    assert (await account.v1.customers.payment_methods.list_async(owner.id)).data == []
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await account.pay(method.id)
    assert account.events("payment_method.detached")[0]["data"]["previous_attributes"] == {"customer": owner.id}


async def test_a_declining_card_is_not_kept(account: StripeAccount) -> None:
    customer = await _customer(account)

    with pytest.raises(stripe.CardError):
        await account.v1.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": customer.id})

    kept = await account.v1.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        await account.pay(kept.id, customer=customer.id)


async def test_a_card_number_is_refused_and_forgotten(account: StripeAccount) -> None:
    number = "4242" * 4

    with pytest.raises(stripe.CardError) as caught:
        await account.v1.payment_methods.create_async(
            {"type": "card", "card": {"number": number, "exp_month": 1, "exp_year": 2030}}
        )

    assert number not in str(caught.value.json_body)
    assert account.sandbox.snapshot().payment_methods == []
    assert account.sandbox.snapshot().requests == []


async def test_pages_give_every_object_once(account: StripeAccount) -> None:
    made = [(await account.intent()).id for _ in range(7)]

    page = await account.v1.payment_intents.list_async({"limit": 3})
    seen = [intent.id async for intent in page.auto_paging_iter()]
    before = await account.v1.payment_intents.list_async({"limit": 2, "ending_before": made[3]})

    assert (page.has_more, page.url, len(page.data)) == (True, "/v1/payment_intents", 3)
    assert seen == made[::-1]
    assert ([intent.id for intent in before.data], before.has_more) == ([made[5], made[4]], True)


async def test_lists_are_filtered(account: StripeAccount) -> None:
    customer = await _customer(account)
    first = await account.pay(customer=customer.id)
    account.sandbox.advance(DAY)
    second = await account.pay()
    refund = await account.refund(second, 100)
    moment = second.created

    async def ids(service: Any, **given: Any) -> list[str]:
        return [thing.id for thing in (await service.list_async(given)).data]

    assert await ids(account.v1.payment_intents, customer=customer.id) == [first.id]
    assert await ids(account.v1.payment_intents, created={"gte": moment}) == [second.id]
    assert await ids(account.v1.payment_intents, created={"lt": moment}) == [first.id]
    assert await ids(account.v1.payment_intents, created={"gt": first.created, "lte": moment}) == [second.id]
    assert await ids(account.v1.charges, payment_intent=second.id) == [second.latest_charge.id]
    assert await ids(account.v1.refunds, payment_intent=first.id) == []
    assert await ids(account.v1.refunds, charge=second.latest_charge.id) == [refund.id]
    assert await ids(account.v1.balance_transactions, source=refund.id) == [refund.balance_transaction]
    assert await ids(account.v1.balance_transactions, type="charge", currency="eur") == []
    assert await ids(account.v1.customers, email="nobody@shop.test") == []
    events = await account.v1.events.list_async({"types": ["refund.created", "customer.created"]})
    assert [event.type for event in events.data] == ["refund.created", "customer.created"]
    assert len(await ids(account.v1.events, type="charge.*")) == 3
    assert len(await ids(account.v1.events, delivery_success=False)) == len(account.events())
    await account.sandbox.deliver_due()
    assert await ids(account.v1.events, delivery_success=False) == []


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"limit": 101}, "limit"),
        ({"limit": 0}, "limit"),
        ({"starting_after": "pi_none"}, "starting_after"),
        ({"colour": "red"}, "colour"),
        ({"expand": ["data.colour"]}, "expand"),
        ({"expand": ["data.a.b.c.d.e"]}, "expand"),
    ],
)
async def test_nonsense_is_not_listed(account: StripeAccount, given: dict[str, Any], param: str) -> None:
    await account.intent()

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.list_async(given)

    assert caught.value.param == param


async def test_ids_are_expanded_into_their_objects(account: StripeAccount) -> None:
    customer = await _customer(account)
    paid = await account.pay(customer=customer.id)
    refund = await account.refund(paid, 100)

    page = await account.v1.charges.list_async(
        {"expand": ["data.payment_intent.latest_charge.balance_transaction", "data.customer", "data.refunds"]}
    )
    source = await account.v1.balance_transactions.retrieve_async(
        refund.balance_transaction, {"expand": ["source.charge"]}
    )

    [charge] = page.data
    assert charge.customer.email == "a@shop.test"
    assert charge.payment_intent.latest_charge.balance_transaction.fee == 320
    assert [item.id for item in charge.refunds.data] == [refund.id]
    assert source.source.charge.id == charge.id


async def test_an_event_shows_the_object_as_it_was(account: StripeAccount) -> None:
    paid = await account.pay()
    [created] = (await account.v1.events.list_async({"type": "payment_intent.created"})).data

    event = await account.v1.events.retrieve_async(created.id)

    assert event.data.object["status"] == "requires_confirmation"
    assert event.data.object["id"] == paid.id
    assert (event.api_version, event.livemode, event.request.id[:4]) == ("2026-10-28.endive", False, "req_")
