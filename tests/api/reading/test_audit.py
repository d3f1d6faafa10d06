"""Nothing about money is forgotten: the audit trail of every operation."""

from typing import Final

import asyncpg

from database.connection import parse_url
from domain.ids import decode
from models import Order, PaymentEvent
from services.audit.trail import HASHED, chain_hash, find_broken_chains
from tests.support.shop import Shop, key

# For each type of a column, a change that the database's owner could make.
FORGED: Final = {
    "uuid": "gen_random_uuid()",
    "text": "coalesce(reverse({0}), 'x')",
    "character varying": "coalesce(reverse({0}), 'x')",
    "integer": "coalesce({0}, 0) + 1000",
    "bigint": "coalesce({0}, 0) + 1000",
    "timestamp with time zone": "{0} + interval '1 microsecond'",
    "jsonb": """coalesce({0}, '{{}}') || '{{"forged": 1}}'""",
}
COLUMNS: Final = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'payment_event'"


async def test_every_change_says_who_why_from_what_to_what(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"], 1_000)
    await shop.deliver()

    events = await PaymentEvent.all().order_by("sequence")
    by_type = {event.type: event for event in events}
    paid = by_type["payment.succeeded"]
    refunded = by_type["refund.succeeded"]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert by_type["order.registered"].actor == {"kind": "SERVICE", "id": "clerk", "label": None}
    assert paid.actor == {"kind": "CUSTOMER", "id": "buyer", "label": None}
    assert paid.operation_id is not None
    assert paid.stripe_request_id is not None
    assert paid.before["captured_minor"] == 0
    assert paid.after["captured_minor"] == 10_000
    assert (paid.from_status, paid.to_status) == ("REQUIRES_CONFIRMATION", "SUCCEEDED")
    assert refunded.amount_minor == 1_000
    assert refunded.actor["id"] == "clerk"


async def test_what_a_webhook_changed_names_its_event(shop: Shop) -> None:
    payment = await shop.paid(method="pm_card_createDispute")
    await shop.deliver()

    decoded = decode(payment["id"])
    assert decoded is not None
    disputed = await PaymentEvent.get(payment_id=decoded[1], type="payment.disputed")
    assert disputed.actor["kind"] == "STRIPE_WEBHOOK"
    assert disputed.stripe_event_id in {event["id"] for event in shop.sandbox.snapshot().events}


async def test_the_chain_holds_and_a_changed_link_is_found(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"], 1_000)
    [order] = await Order.all()
    events = await PaymentEvent.all().order_by("sequence")

    whole = (await find_broken_chains([order.id])).get(order.id)
    events[2].amount_minor = 1

    assert whole is None
    assert chain_hash(events[2]) != events[2].hash
    await Order.filter(id=order.id).update(last_hash="0" * 64)
    assert (await find_broken_chains([order.id])).get(order.id) == len(events) + 1


async def test_each_part_of_an_event_is_in_its_hash(shop: Shop, database_url: str) -> None:
    """The owner of the database switches the triggers off, and changes one column of one event."""
    payment = await shop.paid()
    await shop.refund(payment["id"], 1_000)
    [order] = await Order.all()
    forger = await asyncpg.connect(**parse_url(database_url))
    await forger.execute("CREATE TEMP TABLE kept AS SELECT * FROM payment_event")
    columns = dict(await forger.fetch(COLUMNS))

    unseen = []
    for name, kind in columns.items():
        forged = FORGED[kind].format(name)
        await _untriggered(forger, f"UPDATE payment_event SET {name} = {forged} WHERE sequence = 3")
        if order.id not in await find_broken_chains([order.id]):
            unseen.append(name)
        await _untriggered(forger, "DELETE FROM payment_event; INSERT INTO payment_event SELECT * FROM kept")

    await forger.close()
    assert unseen == []
    assert set(columns) >= set(HASHED)
    assert await find_broken_chains([order.id]) == {}


async def _untriggered(forger: asyncpg.Connection, statements: str) -> None:
    async with forger.transaction():
        await forger.execute("SET LOCAL session_replication_role = replica")
        await forger.execute(statements)


async def test_acts_that_change_nothing_write_nothing(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.deliver()
    before = await PaymentEvent.all().count()
    version = (await shop.payment(payment["id"]))["version"]

    await shop.staff.do("syncPayment", paymentId=payment["id"])
    await shop.refund(payment["id"], 20_000)
    await shop.staff.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())

    assert await PaymentEvent.all().count() == before
    assert (await shop.payment(payment["id"]))["version"] == version


async def test_the_timeline_is_the_trail_of_one_payment(shop: Shop) -> None:
    payment = await shop.paid()
    query = """query T($id: ID!, $after: String) { payment(id: $id) { timeline(first: 2, after: $after) {
      edges { cursor node { sequence type hash actor { kind } } } pageInfo { hasNextPage endCursor } } } }"""

    first = (await shop.staff.ask(query, id=payment["id"]))["payment"]["timeline"]
    rest = (await shop.staff.ask(query, id=payment["id"], after=first["pageInfo"]["endCursor"]))["payment"]["timeline"]

    sequences = [edge["node"]["sequence"] for page in (first, rest) for edge in page["edges"]]
    assert sequences == [2, 3, 4]
    assert first["pageInfo"]["hasNextPage"] is True
    assert rest["pageInfo"]["hasNextPage"] is False
