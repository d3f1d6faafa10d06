"""The contents of the audit trail: owners, amounts and descriptions, payment methods; and no addresses."""

import json
from typing import Any

import pytest

from cli.operations.audit_verification import verify_and_report
from database.statements import query_rows
from database.unit_of_work import transact
from models import Customer, Order, PaymentEvent
from services.audit.trail import SYSTEM, Cause, Change, find_broken_chains, record
from tests.support.shop import Json, Shop, key

STATED: Json = {"externalId": "order-1", "total": {"amount": 10_000, "currency": "USD"}, "customerExternalId": "buyer"}


async def _register(shop: Shop, **changes: object) -> None:
    payload = await shop.staff.do("registerOrder", input=STATED | changes, key=key())
    assert payload["errors"] == [], payload


async def _event(kind: str) -> PaymentEvent:
    return await PaymentEvent.get(type=kind)


@pytest.mark.parametrize(
    ("changes", "name", "before", "after"),
    [
        ({"captureMethod": "MANUAL"}, "capture_method", "AUTOMATIC", "MANUAL"),
        ({"total": {"amount": 10_000, "currency": "EUR"}}, "currency", "USD", "EUR"),
        ({"total": {"amount": 9_000, "currency": "USD"}}, "total_minor", 10_000, 9_000),
    ],
)
async def test_an_order_that_changed_says_what_it_was_and_is(
    shop: Shop, changes: Json, name: str, before: object, after: object
) -> None:
    await _register(shop)
    await _register(shop, **changes)

    event = await _event("order.updated")

    assert (event.before[name], event.after[name]) == (before, after)
    changed = {one for one in event.after if event.before[one] != event.after[one]}
    assert changed == {name}


async def test_an_order_says_whose_it_was_and_is(shop: Shop) -> None:
    for owner in ("buyer", "stranger", None):
        await _register(shop, customerExternalId=owner)

    events = await PaymentEvent.all().order_by("sequence")
    ids = {customer.external_id: str(customer.id) for customer in await Customer.all()}

    assert [event.after["customer_id"] for event in events] == [ids["buyer"], ids["stranger"], None]
    assert [event.before.get("customer_id") for event in events] == [None, ids["buyer"], ids["stranger"]]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("description", "two chairs", "a table"),
        ("metadata", {"shelf": "seven"}, {"shelf": "eight"}),
        ("statement_descriptor_suffix", "CHAIRS", "TABLE"),
        (
            "shipping",
            {"name": "Ada chairs", "line1": "seven", "country": "DE"},
            {"name": "Ada table", "line1": "seven", "country": "DE"},
        ),
        (
            "line_items",
            [{"name": "chairs", "quantity": 1, "unitAmount": 10_000, "reference": "seven"}],
            [{"name": "a table", "quantity": 1, "unitAmount": 10_000, "reference": "eight"}],
        ),
    ],
)
async def test_free_text_that_changed_is_seen_and_not_repeated(
    shop: Shop, name: str, first: object, second: object
) -> None:
    """Events stay for good, and free text may name people."""
    first_word, *others = name.split("_")
    field = first_word + "".join(word.capitalize() for word in others)
    for text in (None, first, second, second):
        await _register(shop, **{field: text})

    events = await PaymentEvent.all().order_by("sequence")
    kept = [event.after[name] for event in events]
    trail = json.dumps([dict(row) for row in await query_rows("SELECT * FROM payment_event")], default=str)

    assert kept[0] is None
    assert len({*kept}) == 3
    assert kept[2] == kept[3]
    assert [event.before.get(name) for event in events] == [None, *kept[:3]]
    assert not any(word in trail.lower() for word in ("chairs", "table", "seven", "eight"))


async def test_a_payment_says_whose_it_is_and_how_it_was_paid(shop: Shop) -> None:
    await shop.pay(await shop.order(), captureMethod="MANUAL")
    [order] = await Order.all()

    begun, held = await _event("payment.initiated"), await _event("payment.requires_capture")

    for event in (begun, held):
        assert event.after["customer_id"] == str(order.customer_id)
        assert event.after["capture_method"] == "MANUAL"
    assert begun.after["method"] is None
    assert (held.after["method"]["brand"], held.after["method"]["last4"]) == ("visa", "4242")


async def test_a_changed_address_leaves_an_event_and_not_the_address(shop: Shop) -> None:
    await _register(shop)
    await _register(shop, customerEmail="first@shop.example")
    await _register(shop, customerEmail="second@shop.example")
    await _register(shop, customerEmail="second@shop.example")

    events = await PaymentEvent.filter(type="customer.email_changed").order_by("sequence")
    trail = json.dumps([dict(row) for row in await query_rows("SELECT * FROM payment_event")], default=str)

    assert [(event.before["email"], event.after["email"]) for event in events] == [
        (None, "changed"),
        ("given", "changed"),
    ]
    [customer] = await Customer.all()
    assert {event.after["customer_id"] for event in events} == {str(customer.id)}
    assert all(event.actor["id"] == "clerk" and event.operation_id is not None for event in events)
    assert "shop.example" not in trail


async def test_a_changed_name_or_number_leaves_an_event_and_not_the_name(shop: Shop) -> None:
    await _register(shop, customerName="Ada Lovelace")
    await _register(shop, customerName="Ada King", customerPhone="+44 20 7946 0958")
    await _register(shop)

    events = await PaymentEvent.filter(type__startswith="customer.").order_by("sequence")
    trail = json.dumps([dict(row) for row in await query_rows("SELECT * FROM payment_event")], default=str)

    [customer] = await Customer.all()
    known = {"customer_id": str(customer.id)}
    assert [(event.type, event.before, event.after) for event in events] == [
        ("customer.name_changed", known | {"name": "given"}, known | {"name": "changed"}),
        ("customer.phone_changed", known | {"phone": None}, known | {"phone": "changed"}),
    ]
    assert (customer.name, customer.phone) == ("Ada King", "+44 20 7946 0958")
    assert not any(word in trail for word in ("Lovelace", "King", "7946"))


async def test_events_of_before_are_verified_beside_new_ones(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A hash covers the facts as they were written, and older events had fewer."""
    await _register(shop)
    [order] = await Order.all()
    facts: dict[str, Any] = {"total_minor": 10_000, "paid_minor": 0, "refunded_minor": 0, "payment_status": "UNPAID"}
    old = Change("order.updated", before=facts, after=facts, amount=order.total)
    await transact(lambda work: record(work, order, old, Cause(actor=SYSTEM)))
    await _register(shop, customerExternalId="stranger")

    assert await find_broken_chains([order.id]) == {}
    assert await verify_and_report(heads=None) == 0
    assert "1 chains, 3 events, 0 broken." in capsys.readouterr().out
