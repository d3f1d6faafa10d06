"""Customers and their methods; lists with filters and pages; expansion."""

from typing import Any

import pytest
import stripe

from tests.sandbox.desk import DAY, Desk


async def _customer(desk: Desk, **more: Any) -> Any:
    return await desk.v1.customers.create_async({"email": "a@shop.test", **more})


async def test_a_customer_comes_changes_and_goes(desk: Desk) -> None:
    customer = await _customer(desk, metadata={"a": "1"}, address={"city": "Bern"})

    changed = await desk.v1.customers.update_async(customer.id, {"name": "Ada", "metadata": {"a": ""}})
    gone = await desk.v1.customers.delete_async(customer.id)

    assert (customer.address.city, customer.address.line1) == ("Bern", None)
    assert (changed.name, changed.metadata.to_dict()) == ("Ada", {})
    assert (gone.id, gone.deleted) == (customer.id, True)
    assert (await desk.v1.customers.retrieve_async(customer.id)).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await desk.intent(customer=customer.id)
    assert (caught.value.code, caught.value.param) == ("resource_missing", "customer")
    [updated] = desk.events("customer.updated")
    assert updated["data"]["previous_attributes"] == {"name": None, "metadata": {"a": "1"}}


async def test_a_method_belongs_to_one_customer_until_it_is_detached_for_good(desk: Desk) -> None:
    owner, other = await _customer(desk), await _customer(desk)
    method = await desk.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    await desk.v1.payment_methods.attach_async(method.id, {"customer": owner.id})

    with pytest.raises(stripe.InvalidRequestError):
        await desk.v1.payment_methods.attach_async(method.id, {"customer": other.id})
    strange = await desk.intent(None, customer=other.id)
    with pytest.raises(stripe.InvalidRequestError, match="belongs to a customer"):
        await desk.v1.payment_intents.confirm_async(strange.id, {"payment_method": method.id})
    for _ in range(2):
        assert (await desk.pay(method.id, customer=owner.id)).status == "succeeded"
    listed = await desk.v1.customers.payment_methods.list_async(owner.id)
    await desk.v1.payment_methods.detach_async(method.id)

    assert [item.id for item in listed.data] == [method.id]
    assert (await desk.v1.customers.payment_methods.list_async(owner.id)).data == []
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await desk.pay(method.id)
    assert desk.events("payment_method.detached")[0]["data"]["previous_attributes"] == {"customer": owner.id}


async def test_a_declining_card_is_not_kept(desk: Desk) -> None:
    customer = await _customer(desk)

    with pytest.raises(stripe.CardError):
        await desk.v1.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": customer.id})

    kept = await desk.v1.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        await desk.pay(kept.id, customer=customer.id)


async def test_a_card_number_is_refused_and_forgotten(desk: Desk) -> None:
    number = "4242" * 4

    with pytest.raises(stripe.CardError) as caught:
        await desk.v1.payment_methods.create_async(
            {"type": "card", "card": {"number": number, "exp_month": 1, "exp_year": 2030}}
        )

    assert number not in str(caught.value.json_body)
    assert desk.sandbox.snapshot().payment_methods == []
    assert desk.sandbox.snapshot().requests == []


async def test_pages_give_every_object_once(desk: Desk) -> None:
    made = [(await desk.intent()).id for _ in range(7)]

    page = await desk.v1.payment_intents.list_async({"limit": 3})
    seen = [intent.id async for intent in page.auto_paging_iter()]
    before = await desk.v1.payment_intents.list_async({"limit": 2, "ending_before": made[3]})

    assert (page.has_more, page.url, len(page.data)) == (True, "/v1/payment_intents", 3)
    assert seen == made[::-1]
    assert ([intent.id for intent in before.data], before.has_more) == ([made[5], made[4]], True)


async def test_lists_are_filtered(desk: Desk) -> None:
    customer = await _customer(desk)
    first = await desk.pay(customer=customer.id)
    desk.sandbox.advance(DAY)
    second = await desk.pay()
    refund = await desk.refund(second, 100)
    moment = second.created

    async def ids(service: Any, **given: Any) -> list[str]:
        return [thing.id for thing in (await service.list_async(given)).data]

    assert await ids(desk.v1.payment_intents, customer=customer.id) == [first.id]
    assert await ids(desk.v1.payment_intents, created={"gte": moment}) == [second.id]
    assert await ids(desk.v1.payment_intents, created={"lt": moment}) == [first.id]
    assert await ids(desk.v1.payment_intents, created={"gt": first.created, "lte": moment}) == [second.id]
    assert await ids(desk.v1.charges, payment_intent=second.id) == [second.latest_charge.id]
    assert await ids(desk.v1.refunds, payment_intent=first.id) == []
    assert await ids(desk.v1.refunds, charge=second.latest_charge.id) == [refund.id]
    assert await ids(desk.v1.balance_transactions, source=refund.id) == [refund.balance_transaction]
    assert await ids(desk.v1.balance_transactions, type="charge", currency="eur") == []
    assert await ids(desk.v1.customers, email="nobody@shop.test") == []
    events = await desk.v1.events.list_async({"types": ["refund.created", "customer.created"]})
    assert [event.type for event in events.data] == ["refund.created", "customer.created"]
    assert len(await ids(desk.v1.events, type="charge.*")) == 3
    assert len(await ids(desk.v1.events, delivery_success=False)) == len(desk.events())
    await desk.sandbox.deliver_due()
    assert await ids(desk.v1.events, delivery_success=False) == []


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
async def test_nonsense_is_not_listed(desk: Desk, given: dict[str, Any], param: str) -> None:
    await desk.intent()

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await desk.v1.payment_intents.list_async(given)

    assert caught.value.param == param


async def test_ids_are_expanded_into_their_objects(desk: Desk) -> None:
    customer = await _customer(desk)
    paid = await desk.pay(customer=customer.id)
    refund = await desk.refund(paid, 100)

    page = await desk.v1.charges.list_async(
        {"expand": ["data.payment_intent.latest_charge.balance_transaction", "data.customer", "data.refunds"]}
    )
    source = await desk.v1.balance_transactions.retrieve_async(
        refund.balance_transaction, {"expand": ["source.charge"]}
    )

    [charge] = page.data
    assert charge.customer.email == "a@shop.test"
    assert charge.payment_intent.latest_charge.balance_transaction.fee == 320
    assert [item.id for item in charge.refunds.data] == [refund.id]
    assert source.source.charge.id == charge.id


async def test_an_event_shows_the_object_as_it_was(desk: Desk) -> None:
    paid = await desk.pay()
    [created] = (await desk.v1.events.list_async({"type": "payment_intent.created"})).data

    event = await desk.v1.events.retrieve_async(created.id)

    assert event.data.object["status"] == "requires_confirmation"
    assert event.data.object["id"] == paid.id
    assert (event.api_version, event.livemode, event.request.id[:4]) == ("2026-10-28.endive", False, "req_")
