"""Runs: repairs are audited, one runs at a time, a killed one is resumed; output and exit codes of the command."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.operations.audit_verification import read_heads, verify_and_report
from cli.operations.reconciliation import reconcile_and_report
from database.statements import query_rows
from domain.states import DiscrepancyState, WebhookState
from models import Discrepancy, PaymentEvent, ReconciliationRun, WebhookEvent
from provider import Provider
from services.reconciliation import runs as service
from services.reconciliation.stages import Stage
from tests.reconcile.faults import business, change, found, intent_of, reconcile, reconciler, window
from tests.support.rows import row_id
from tests.support.shop import Json, Shop
from worker import Worker, WorkerJobs


async def unpay(payment: Json) -> None:
    """Remove the paid status of a payment and its order, so that only Stripe knows it."""
    identity = row_id(payment["id"])
    await change("UPDATE payment SET status = 'PROCESSING', captured_minor = 0 WHERE id = $1", identity)
    await change("UPDATE orders SET paid_minor = 0 WHERE id = $1", row_id(payment["order"]["id"]))


async def test_a_drift_is_repaired_through_the_state_writer_and_audited(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await unpay(payment)

    run = await reconcile(shop, repair=True)

    assert await found() == []
    assert run.repaired == 1
    row = await Discrepancy.get()
    assert row.state is DiscrepancyState.REPAIRED
    seen = await shop.payment(payment["id"])
    assert (seen["status"], seen["order"]["paymentStatus"]) == ("SUCCEEDED", "PAID")
    event = await PaymentEvent.filter(payment_id=row_id(payment["id"])).order_by("-sequence").first()
    assert event is not None
    assert event.actor == {"kind": "RECONCILER", "id": str(run.id), "label": "reconciler"}
    assert (event.from_status, event.to_status) == ("PROCESSING", "SUCCEEDED")


async def test_a_refund_made_elsewhere_is_adopted(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await shop.stripe("refunds", {"payment_intent": await intent_of(payment), "amount": 300})

    run = await reconcile(shop, repair=True)

    assert await found() == []
    assert run.repaired >= 1
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 300}


async def test_events_that_were_lost_or_dead_are_received_again(shop: Shop) -> None:
    await business(shop)
    lost, dead, *_ = [event["id"] for event in shop.sandbox.snapshot().events if "payment_intent" in event["type"]]
    await change("DELETE FROM webhook_event WHERE stripe_event_id = $1", lost)
    await change("UPDATE webhook_event SET state = 'DEAD' WHERE stripe_event_id = $1", dead)

    run = await reconcile(shop, repair=True)
    await shop.runtime.worker.drain()

    assert await found() == []
    assert run.repaired == 2
    received = await WebhookEvent.filter(stripe_event_id__in=[lost, dead])
    assert [event.state for event in received] == [WebhookState.PROCESSED] * 2


async def test_what_agrees_again_by_itself_is_closed_and_not_called_repaired(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await unpay(payment)
    await reconcile(shop)
    await shop.staff.do("syncPayment", paymentId=payment["id"])

    run = await reconcile(shop)

    assert await found() == []
    assert run.repaired == 0
    row = await Discrepancy.get()
    assert row.state is DiscrepancyState.REPAIRED
    assert row.resolution == "Agreed by itself: a second look found no difference, and nothing was repaired."


async def test_two_runs_at_once_are_one(shop: Shop) -> None:
    await business(shop)

    ended = await asyncio.gather(*(reconciler(shop).run(window(), repair=False) for _ in range(6)))

    assert sum(run is not None for run in ended) == await ReconciliationRun.all().count()
    assert await ReconciliationRun.filter(due__isnull=False).count() == 0


async def test_while_a_run_is_held_nobody_begins_another(shop: Shop) -> None:
    held = await reconciler(shop).begin(window(), repair=False)

    refused = await reconciler(shop).run(window(), repair=False)

    assert held is not None
    assert refused is None
    assert await ReconciliationRun.all().count() == 1


async def test_a_killed_run_goes_on_from_its_last_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _, payment, _ = await business(shop)
    await unpay(payment)
    given = window()
    with monkeypatch.context() as broken:
        broken.setattr(Provider, "events_and_unreadable", _dies)
        with pytest.raises(ConnectionError):
            await reconciler(shop).run(given, repair=False)
    [left] = await ReconciliationRun.all()
    await change("UPDATE reconciliation_run SET due = now()")
    asked = len(shop.sandbox.snapshot().requests)

    run = await reconciler(shop).run(given, repair=False)

    assert left.stage == Stage.EVENTS
    assert run is not None
    assert (run.id, run.attempt) == (left.id, 2)
    assert run.finished_at is not None
    assert await found() == [("STATUS_DRIFT", await intent_of(payment))]
    lists = [call["path"] for call in shop.sandbox.snapshot().requests[asked:]]
    assert "/v1/payment_intents" not in lists
    assert await query_rows("SELECT 1 FROM reconciliation_sighting") == []


async def test_a_run_that_was_taken_over_writes_nothing_more(shop: Shop) -> None:
    await business(shop)
    held = await reconciler(shop).begin(window(), repair=False)
    assert held is not None
    await change("UPDATE reconciliation_run SET due = now()")
    taken = await reconciler(shop).take_over()

    late = await reconciler(shop).run_to_end(held)

    assert late is None
    row = await ReconciliationRun.get(id=held.id)
    assert (row.attempt, row.checked, row.finished_at) == (2, 0, None)
    assert taken is not None


async def test_pages_are_merged_one_by_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.reconciliation.stages.PAGE", 2)
    monkeypatch.setattr("provider.calls.PAGE", 2)
    _, payment, _ = await business(shop)
    await change("UPDATE payment SET stripe_payment_intent_id = 'pi_gone' WHERE id = $1", row_id(payment["id"]))

    await reconcile(shop)

    assert [kind for kind, _ in await found()] == ["MISSING_AT_PROVIDER", "MISSING_LOCALLY"]


async def test_the_worker_runs_it_once_in_an_interval(shop: Shop) -> None:
    worker, interval = shop.runtime.worker, timedelta(days=1)
    assert await service.is_due(interval=interval, livemode=False)

    await worker.reconcile()
    await worker.reconcile()

    assert await ReconciliationRun.all().count() == 1
    assert not await service.is_due(interval=interval, livemode=False)
    await change("UPDATE reconciliation_run SET started_at = started_at - interval '1 day'")
    assert await service.is_due(interval=interval, livemode=False)


async def test_a_worker_that_only_reconciles_does_so_and_stops_when_told(shop: Shop) -> None:
    layers = WorkerJobs(webhooks=False, janitor=False, poller=False, reconcile_interval_seconds=0.05)
    worker = Worker(runner=shop.runtime.runner, endpoint=shop.runtime.endpoint, jobs=layers)
    work = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        while not await ReconciliationRun.filter(finished_at__isnull=False).exists():
            await asyncio.sleep(0.02)

        worker.stop()
        await work


async def test_a_window_that_says_nothing_of_the_interval_does_not_stand_for_the_nightly_one(shop: Shop) -> None:
    now = datetime.now(UTC)
    await reconciler(shop).run(service.Window(now - timedelta(hours=1), now), repair=False)

    assert await service.is_due(interval=timedelta(days=1), livemode=False)


async def test_the_command_ends_with_one_while_money_findings_are_open(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    _, payment, _ = await business(shop)
    clean = await _command(shop, repair=False)
    await unpay(payment)

    found_code = await _command(shop, repair=False)
    repaired_code = await _command(shop, repair=True)

    assert (clean, found_code, repaired_code) == (0, 1, 0)
    said = capsys.readouterr()
    assert f"STATUS_DRIFT           {await intent_of(payment)}" in said.out
    assert "1 repaired, 0 open." in said.out
    assert "payments:" in said.err


async def test_a_gap_of_webhooks_alone_is_no_money_finding(shop: Shop) -> None:
    await business(shop)
    await change("DELETE FROM webhook_event")

    assert await _command(shop, repair=False) == 0
    assert {kind for kind, _ in await found()} == {"WEBHOOK_GAP"}


async def test_an_authorisation_that_is_about_to_end_alone_is_no_money_finding(shop: Shop) -> None:
    await business(shop)
    await change("UPDATE payment SET capture_before = now() + interval '1 hour' WHERE status = 'REQUIRES_CAPTURE'")

    assert await _command(shop, repair=False) == 0
    assert {kind for kind, _ in await found()} == {"EXPIRING_AUTHORIZATION"}


async def test_the_command_says_when_it_could_not_be_done(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await reconciler(shop).begin(window(), repair=False)
    busy = await _command(shop, repair=False)
    await change("DELETE FROM reconciliation_run")
    shop.sandbox.fault(kind="error_500_before", path="/v1/payment_intents", times=9)

    down = await _command(shop, repair=False)

    assert (busy, down) == (2, 2)
    assert "Another process is reconciling" in capsys.readouterr().err


async def test_verify_audit_names_the_first_broken_link_of_each_order(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = await business(shop)
    whole = await verify_and_report(heads=None)
    capsys.readouterr()
    await change("ALTER TABLE payment_event DISABLE TRIGGER USER")
    for payment in (first, second):
        order = row_id(payment["order"]["id"])
        await change("UPDATE payment_event SET amount_minor = 1 WHERE order_id = $1 AND sequence >= 2", order)

    broken = await verify_and_report(heads=None)

    lines = capsys.readouterr().out.splitlines()
    assert (whole, broken) == (0, 1)
    assert [line.partition(": ")[2] for line in lines[:-1]] == ["broken at event 2"] * 2
    assert lines[-1].endswith("2 broken.")


async def test_exported_heads_show_a_chain_that_was_computed_anew(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = await business(shop)
    heads = tmp_path / "heads.jsonl"
    written = await verify_and_report(heads=heads)
    exported = read_heads(heads)
    await shop.refund(second["id"], 100)
    grown = await verify_and_report(heads=heads, known=exported)
    order = row_id(first["order"]["id"])
    await change("ALTER TABLE payment_event DISABLE TRIGGER USER")
    await change("DELETE FROM payment_event WHERE order_id = $1 AND sequence > 1", order)
    await change(
        "UPDATE orders SET last_sequence = 1,"
        " last_hash = (SELECT hash FROM payment_event WHERE order_id = $1 AND sequence = 1) WHERE id = $1",
        order,
    )

    alone, compared = await verify_and_report(heads=None), await verify_and_report(heads=heads, known=exported)

    assert (written, grown, alone, compared) == (0, 0, 0, 1)
    assert f"order {order}: event" in capsys.readouterr().out


async def _command(shop: Shop, *, repair: bool) -> int:
    span = window()
    return await reconcile_and_report(reconciler(shop), start=span.from_moment, end=span.to_moment, repair=repair)


async def _dies(*_: object, **__: object) -> AsyncIterator[None]:
    """Hold a list for ever: the process ends in the middle of a run."""
    raise ConnectionError
    yield
