"""Rows written without Tortoise are written as Tortoise would write them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tortoise.models import Model

from database.row_writer import all_fields, build_row, by_database, row_values, set_fields
from database.statements import Insert, Update, write
from models import Customer, Operation, Order, Payment, PaymentEvent, Refund, WebhookEvent
from tests.support.rows import a_payment, an_order
from tests.support.shop import Shop

TABLES = [Customer, Order, Payment, Refund, Operation, PaymentEvent, WebhookEvent]


async def rows_of_all_kinds(shop: Shop) -> None:
    payment = await shop.paid(metadata={"note": "kept"})
    await shop.refund(payment["id"], 100)
    await shop.pay(await shop.order(), method="pm_card_chargeDeclined")
    await shop.pay(await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example")
    await shop.deliver()


@pytest.mark.parametrize("table", TABLES, ids=[table.__name__ for table in TABLES])
async def test_what_is_read_off_a_row_is_what_tortoise_would_write(shop: Shop, table: type[Model]) -> None:
    await rows_of_all_kinds(shop)
    rows = await table.all()
    kept = {name for name, field in table._meta.fields_map.items() if getattr(field, "auto_now", False)}
    kept |= by_database(table).keys()
    names = tuple(name for name in all_fields(table) if name not in kept)

    ours = [row_values(table, names)(row) for row in rows]

    theirs = [[table._meta.fields_map[name].to_db_value(getattr(row, name), row) for name in names] for row in rows]
    assert len(rows) > 0
    # Tortoise writes ids as texts, which the driver reads into what they were.
    assert [[str(one) if isinstance(one, UUID) else one for one in row] for row in ours] == theirs


@pytest.mark.parametrize("table", TABLES, ids=[table.__name__ for table in TABLES])
async def test_a_fresh_row_is_the_row_that_the_constructor_makes(shop: Shop, table: type[Model]) -> None:
    await rows_of_all_kinds(shop)
    [one, *_] = await table.all()
    has_default = {name for name in all_fields(table) if table._meta.fields_map[name].default is not None}
    given = {name: getattr(one, name) for name in all_fields(table) if name == "id" or name not in has_default}

    ours = build_row(table, **given)

    theirs = table(**given)
    assert {name: getattr(ours, name) for name in all_fields(table)} == {
        name: getattr(theirs, name) for name in all_fields(table)
    }
    assert vars(ours).keys() == vars(theirs).keys()


async def test_fresh_rows_do_not_share_what_can_be_changed(shop: Shop) -> None:
    one, other = build_row(Order, external_id="1"), build_row(Order, external_id="2")

    one.metadata["note"] = "of the first"

    assert other.metadata == {}
    assert one.id != other.id


async def test_a_row_is_read_back_as_it_was_written_with_its_moments(shop: Shop) -> None:
    before = datetime.now(UTC)
    order = build_row(Order, external_id="one", total_minor=2**53 - 1, currency="USD", metadata={"a": "ü\u2028"})

    await write(Insert(order))
    added = await Order.get(id=order.id)
    set_fields(order, {"description": "changed"})
    order.total_minor = 5
    await write(Update(order, ("description",)))
    changed = await Order.get(id=order.id)

    assert (added.total_minor, added.metadata, added.description) == (2**53 - 1, {"a": "ü\u2028"}, None)
    assert before <= added.created_at == added.updated_at - (added.updated_at - added.created_at)
    assert added.updated_at - added.created_at < timedelta(seconds=1)
    assert (changed.description, changed.total_minor) == ("changed", 2**53 - 1)
    assert changed.updated_at > added.updated_at
    assert changed.created_at == added.created_at


async def test_only_fields_can_be_given(shop: Shop) -> None:
    payment = await a_payment(await an_order("one"))
    unknown: dict[str, Any] = {"stauts": "SUCCEEDED"}

    with pytest.raises(AssertionError, match="stauts"):
        build_row(Payment, **unknown)
    with pytest.raises(AssertionError, match="stauts"):
        set_fields(payment, unknown)
