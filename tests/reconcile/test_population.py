"""A fault of each kind among a thousand payments: exactly the seeded ones are found, at the same cost for each page."""

import json
import logging
from collections.abc import Iterator

import pytest

from database.statements import query_rows
from models import Discrepancy
from services.reconciliation.stages import AT_ONCE, FIRST_ID, NEXT_ROWS
from tests.reconcile.faults import change, found, reconcile, reconciler, window
from tests.reconcile.population import populate
from tests.reconcile.seeded_faults import FAULTS, TWELVE, seed_faults
from tests.support.shop import Json, Shop

POPULATION = 1_000


async def test_a_crowd_without_a_fault_has_no_findings(shop: Shop, database_url: str) -> None:
    await populate(POPULATION, database_url, shop.sandbox._store)

    run = await reconcile(shop, repair=True)

    assert await found() == []
    lists = (
        POPULATION + POPULATION // 10 + (POPULATION + POPULATION // 10) + POPULATION
    )  # intents, refunds, the balance, events
    assert run.checked == lists + POPULATION  # and every order


async def test_twelve_faults_among_a_thousand_payments_are_found_and_nothing_else(
    shop: Shop, database_url: str
) -> None:
    population = await populate(POPULATION, database_url, shop.sandbox._store)
    planted = await seed_faults(population, database_url, shop.sandbox._store, *TWELVE)

    await reconcile(shop)

    assert len(planted) == 12
    assert await found() == planted


async def test_a_fault_of_every_kind_is_found_and_what_is_safe_is_repaired(shop: Shop, database_url: str) -> None:
    population = await populate(POPULATION, database_url, shop.sandbox._store)
    planted = await seed_faults(population, database_url, shop.sandbox._store, *FAULTS)
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
        await populate(count, database_url, shop.sandbox._store, first=first)
        caplog.clear()
        run = await reconcile(shop)
        statements.append(len([record for record in caplog.records if record.name == "tortoise.db_client"]))

    assert run.checked == 80 + 8 + 88 + 80 + 80
    assert statements[0] == statements[1], statements


async def test_every_row_is_looked_up_by_itself_though_the_database_believes_in_an_empty_table(
    shop: Shop, database_url: str
) -> None:
    """The notes of a run are deleted at its end; statistics of that moment made the next night's join quadratic."""
    await populate(5 * AT_ONCE, database_url, shop.sandbox._store)
    held = await reconciler(shop).begin(window(), repair=False)
    assert held is not None
    sighted = "INSERT INTO reconciliation_sighting SELECT $1, stripe_payment_intent_id FROM payment"
    await change(sighted, held.id)
    await change("DELETE FROM reconciliation_sighting")
    await change("ANALYZE reconciliation_sighting")
    await change(sighted, held.id)
    statement = NEXT_ROWS.format(table="payment", stripe_id="stripe_payment_intent_id", where="true")
    given = [False, held.to_moment, held.from_moment, FIRST_ID, held.id, AT_ONCE]

    [row] = await query_rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given)

    [plan] = json.loads(row["QUERY PLAN"])
    touched = [node["Actual Rows"] * node["Actual Loops"] for node in nodes(plan["Plan"])]
    assert len(touched) > 2
    assert max(touched) <= AT_ONCE


def nodes(plan: Json) -> Iterator[Json]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)
