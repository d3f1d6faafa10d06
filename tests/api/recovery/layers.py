"""The layers of recovery, each of which finds by itself what became of an act whose answer was lost."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from database.statements import query_rows
from tests.reconcile.faults import reconcile
from tests.support.shop import Shop, open_shop, settings_for

Again = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def patient_shop(database_url: str, folder: Path) -> AsyncIterator[Shop]:
    """Open a shop whose requests do not wait and whose reads repair nothing: open work is left to the layer."""
    settings = settings_for(database_url, folder, request_budget_seconds=0, repair_on_read=False)
    async with open_shop(settings) as opened:
        yield opened


async def apply_webhooks(shop: Shop, _: Again) -> None:
    await shop.sandbox.deliver_due()
    while await shop.runtime.worker.apply_next():
        pass


async def poll(shop: Shop, _: Again) -> None:
    await shop.runtime.worker.poll()
    while await shop.runtime.worker.apply_next():
        pass


async def run_janitor(shop: Shop, _: Again) -> None:
    await _pass_time("61 s")
    while await shop.runtime.worker.run_next():
        pass


async def retry(_: Shop, again: Again) -> None:
    await _pass_time("2 s")
    payload = await again()
    assert payload["replayed"] is True
    assert payload["errors"] == []


async def reconcile_and_repair(shop: Shop, _: Again) -> None:
    await _pass_time("30 min")  # so long that no runner holds it any more
    await reconcile(shop, repair=True)


LAYERS = {
    "webhooks": apply_webhooks,
    "poller": poll,
    "janitor": run_janitor,
    "the client's retry": retry,
    "reconcile --repair": reconcile_and_repair,
}


async def _pass_time(span: str) -> None:
    """Let time pass for waiting work: move when it was sent, and when it was due, into the past."""
    await query_rows(
        f"UPDATE operation SET first_sent_at = first_sent_at - interval '{span}', due = now() - interval '{span}',"
        f" updated_at = updated_at - interval '{span}' WHERE due IS NOT NULL"
    )
