"""A fault of each kind among a thousand payments: exactly those are found, at the same cost for each page."""

import logging

import pytest

from models import Discrepancy
from tests.reconcile.crowd import gather
from tests.reconcile.faults import found, reconcile
from tests.reconcile.plants import PLANTS, TWELVE, plant
from tests.shop import Shop

CROWD = 1_000


async def test_a_crowd_without_a_fault_has_no_findings(shop: Shop, database_url: str) -> None:
    await gather(CROWD, database_url, shop.sandbox._store)

    run = await reconcile(shop, repair=True)

    assert await found() == []
    lists = CROWD + CROWD // 10 + (CROWD + CROWD // 10) + CROWD  # intents, refunds, the balance, events
    assert run.checked == lists + CROWD  # and every order


async def test_twelve_faults_among_a_thousand_payments_are_found_and_nothing_else(
    shop: Shop, database_url: str
) -> None:
    crowd = await gather(CROWD, database_url, shop.sandbox._store)
    planted = await plant(crowd, database_url, shop.sandbox._store, *TWELVE)

    await reconcile(shop)

    assert len(planted) == 12
    assert await found() == planted


async def test_a_fault_of_every_kind_is_found_and_what_is_safe_is_repaired(shop: Shop, database_url: str) -> None:
    crowd = await gather(CROWD, database_url, shop.sandbox._store)
    planted = await plant(crowd, database_url, shop.sandbox._store, *PLANTS)
    await reconcile(shop)
    seen = await found()

    run = await reconcile(shop, repair=True)

    left = {kind for kind, _ in await found()}
    mended = {"STATUS_DRIFT", "REFUND_DRIFT", "DISPUTE_DRIFT", "WEBHOOK_GAP"}
    assert seen == planted
    assert left == {kind for kind, _ in planted} - mended
    assert run.repaired == len(mended)
    assert await Discrepancy.all().count() == len(planted)


async def test_a_page_of_eighty_takes_as_many_statements_as_a_page_of_ten(
    shop: Shop, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="tortoise.db_client")
    statements = []
    for first, count in ((0, 10), (10, 70)):
        await gather(count, database_url, shop.sandbox._store, first=first)
        caplog.clear()
        run = await reconcile(shop)
        statements.append(len([record for record in caplog.records if record.name == "tortoise.db_client"]))

    assert run.checked == 80 + 8 + 88 + 80 + 80
    assert statements[0] == statements[1], statements
