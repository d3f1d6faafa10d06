"""Rows built without Tortoise equal the rows that Tortoise builds."""

import pytest
from tortoise.models import Model

from database.statements import read
from models import Customer, Operation, Order, Payment, PaymentEvent, Refund, WebhookEvent
from tests.support.shop import Shop

TABLES = [Customer, Order, Payment, Refund, Operation, PaymentEvent, WebhookEvent]


@pytest.mark.parametrize("table", TABLES, ids=[table.__name__ for table in TABLES])
async def test_a_whole_row_is_the_row_that_tortoise_reads(shop: Shop, table: type[Model]) -> None:
    payment = await shop.paid(metadata={"note": "kept"})
    await shop.refund(payment["id"], 100)
    await shop.pay(await shop.order(), method="pm_card_chargeDeclined")
    await shop.pay(await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example")
    await shop.deliver()

    ours = {row.pk: row for row in await read(table, "")}
    theirs = {row.pk: row for row in await table.all()}

    assert ours.keys() == theirs.keys()
    assert len(ours) > 0
    for key, row in theirs.items():
        assert vars(ours[key]) == vars(row)
        assert {name: type(value) for name, value in vars(ours[key]).items()} == {
            name: type(value) for name, value in vars(row).items()
        }
