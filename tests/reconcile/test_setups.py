"""Setups that differ from Stripe's: found by a run, repaired as Stripe has them, and never a matter of money."""

import pytest

from database.statements import query_rows
from models import CustomerEvent, Discrepancy, SetupIntent
from services.reconciliation.runs import open_money_findings
from tests.reconcile.faults import found, reconcile, rewrite
from tests.support.customers import (
    BACK,
    at_stripe,
    begun,
    browser_sets_up,
    customers_at_stripe,
    kept,
    saved,
    setup_of,
    setups_at_stripe,
)
from tests.support.shop import Shop


async def test_setups_that_agree_are_no_finding(shop: Shop) -> None:
    await begun(shop)
    await browser_sets_up(shop)
    await begun(shop)
    await shop.deliver()

    await reconcile(shop)

    assert await found() == []


async def test_a_setup_whose_events_never_came_is_repaired_and_its_method_kept(shop: Shop) -> None:
    setup_id = await begun(shop)
    await browser_sets_up(shop)

    run = await reconcile(shop, repair=True)

    assert run.repaired >= 1
    assert (await setup_of(shop, setup_id))["status"] == "SUCCEEDED"
    assert len(await kept(shop)) == 1
    assert [row.kind for row in await Discrepancy.filter(kind="SETUP_DRIFT", state="OPEN")] == []
    events = await CustomerEvent.filter(type="setup_intent.succeeded")
    assert [event.actor["kind"] for event in events] == ["RECONCILER"]


async def test_without_repair_it_is_a_finding_and_not_about_money(shop: Shop) -> None:
    setup_id = await begun(shop)
    await browser_sets_up(shop)

    await reconcile(shop)

    [setup] = setups_at_stripe(shop)
    assert ("SETUP_DRIFT", setup["id"]) in await found()
    assert await open_money_findings() == 0
    assert (await setup_of(shop, setup_id))["status"] == "REQUIRES_PAYMENT_METHOD"


async def test_a_setup_of_ours_without_a_row_stays_open_for_a_person(shop: Shop) -> None:
    await begun(shop)
    await query_rows("UPDATE operation SET setup_intent_id = NULL")
    await SetupIntent.all().delete()

    await reconcile(shop, repair=True)

    [setup] = setups_at_stripe(shop)
    assert ("SETUP_DRIFT", setup["id"]) in await found()


async def test_another_programs_setup_is_none_of_ours(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)
    given = {"customer": made["id"], "payment_method": "pm_card_mastercard", "confirm": "true", "return_url": BACK}
    await at_stripe(shop, "POST", "/v1/setup_intents", **given)
    await shop.deliver()

    await reconcile(shop)

    assert await found() == []


@pytest.mark.parametrize("repair", [False, True])
async def test_a_setup_that_cannot_be_read_is_told(shop: Shop, repair: bool) -> None:
    await begun(shop)
    await shop.deliver()
    identity = rewrite(shop, "setup_intent", lambda setup: setup.update(created="yesterday"))

    await reconcile(shop, repair=repair)

    assert await found() == [("SETUP_DRIFT", identity)]
