"""The inbox: one read for many events, each applied once; a dead event says why, and can be replayed."""

import asyncio

import pytest

from cli.command_line import parser
from cli.operations.replay import replay_and_report
from database.leases import LeaseLost
from database.statements import query_rows
from database.transactions import run_in_transaction
from domain.states import WebhookState
from models import WebhookEvent
from services.inbox import inbox
from tests.support.inbox import INTENTS, all_is_due, apply_all, looks, one_event_is_due, seen
from tests.support.shop import Json, Shop
from webhooks import handlers

MANY = 1_000
REPLAY = "mutation R($ids: [ID!]!, $dry: Boolean) { replayWebhookEvents(ids: $ids, dryRun: $dry) { ok affected } }"


async def replay(shop: Shop, *events: Json, dry: bool = False) -> int:
    answer = await shop.staff.ask(REPLAY, ids=[event["id"] for event in events], dry=dry)
    assert answer["replayWebhookEvents"]["ok"] is True
    affected: int = answer["replayWebhookEvents"]["affected"]
    return affected


async def a_life(shop: Shop) -> Json:
    """Create a payment that was declined, authenticated, paid and refunded, all in the browser and at the Dashboard."""
    payment = await shop.prepared()
    await shop.browser_confirms("pm_card_visa_chargeDeclined")
    await shop.browser_confirms("pm_card_threeDSecure2Required")
    await shop.finish_3ds("complete")
    await shop.dashboard_refund(1_000)
    return payment


# -- one read --------------------------------------------------------------------------------------------------------


async def test_the_events_of_a_payments_whole_life_cost_one_look_at_stripe(shop: Shop) -> None:
    payment = await a_life(shop)
    await shop.sandbox.deliver_due()
    due = await WebhookEvent.filter(due__isnull=False)
    before = looks(shop, INTENTS)

    await apply_all(shop)

    assert len(due) >= 5
    assert len({event.subject for event in due}) == 1
    assert looks(shop, INTENTS) - before == 1
    assert await WebhookEvent.filter(due__isnull=False).count() == 0
    applied = await WebhookEvent.filter(id__in=[event.id for event in due])
    assert {(event.state, event.attempt) for event in applied} == {(WebhookState.PROCESSED, 1)}
    after = await shop.payment(payment["id"])
    assert (after["status"], after["amountRefunded"]) == ("SUCCEEDED", {"amount": 1_000})


async def test_the_trail_names_the_newest_event_and_each_failed_attempt_its_own(shop: Shop) -> None:
    payment = await a_life(shop)
    await shop.sandbox.deliver_due()
    await apply_all(shop)

    trail = await query_rows("SELECT type, stripe_event_id FROM payment_event WHERE stripe_event_id IS NOT NULL")
    events = {event["id"]: event["type"] for event in shop.sandbox.snapshot().events}

    told = {(row["type"], events[row["stripe_event_id"]]) for row in trail}
    newest = await WebhookEvent.filter(state="PROCESSED").order_by("-stripe_created_at", "-received_at").first()
    assert newest is not None
    assert ("payment.succeeded", newest.type) in told
    assert ("payment.attempt_failed", "payment_intent.payment_failed") in told
    assert (await shop.timeline(payment["id"])).count("payment.attempt_failed") == 1


async def test_an_event_that_comes_while_stripe_is_asked_is_not_answered_by_that_look(shop: Shop) -> None:
    payment = await one_event_is_due(shop)
    before = looks(shop, INTENTS)
    number = shop.sandbox.fault(kind="hold_after", method="GET", path=f"{INTENTS}.*")
    context = asyncio.create_task(shop.runtime.worker.apply_next())
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults()):
            await asyncio.sleep(0.005)

    await shop.browser_confirms("pm_card_visa")
    await shop.sandbox.deliver_due()
    waits = await shop.runtime.worker.apply_next()
    between = (await shop.payment(payment["id"]))["status"]
    shop.sandbox.clear_faults(number)
    await context
    await apply_all(shop)

    assert waits is False
    assert between == "REQUIRES_PAYMENT_METHOD"
    assert looks(shop, INTENTS) - before == 2
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"


async def test_if_one_lease_is_lost_nothing_of_the_look_is_written(shop: Shop) -> None:
    payment = await one_event_is_due(shop)
    await shop.browser_confirms("pm_card_visa")
    await shop.sandbox.deliver_due()
    trail = await shop.timeline(payment["id"])
    held = await inbox.take(lease_seconds=60)
    await query_rows("UPDATE webhook_event SET attempt = attempt + 1 WHERE id = $1", [held[0].id])

    await handlers.handle(held, provider=shop.runtime.runner.provider)

    assert len(held) >= 2
    assert {event["state"] for event in await seen(shop) if event["state"] != "IGNORED"} == {"PROCESSING"}
    assert await shop.timeline(payment["id"]) == trail
    await all_is_due()
    await apply_all(shop)
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"


async def test_a_bug_in_one_event_does_not_keep_its_neighbours_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await a_life(shop)
    await shop.sandbox.deliver_due()
    right = handlers._snapshot

    def _misread(event: WebhookEvent) -> object:
        if event.type == "payment_intent.payment_failed":
            raise LookupError
        return right(event)

    monkeypatch.setattr(handlers, "_snapshot", _misread)
    await apply_all(shop)

    [failed] = await seen(shop, "FAILED")
    assert failed["lastError"] == "LookupError in _misread"
    assert await WebhookEvent.filter(due__isnull=False).count() == 1
    assert capsys.readouterr().out.count("webhook.failed") == 1


# -- dead, and replayed ----------------------------------------------------------------------------------------------


async def a_dead_event(shop: Shop) -> Json:
    await one_event_is_due(shop)
    shop.sandbox.fault(kind="broken_json", method="GET", times=MANY)  # an answer: no outage that it would wait for
    for _ in range(inbox.MAX_ATTEMPTS):
        await all_is_due()
        await apply_all(shop)
    [dead] = await seen(shop, "DEAD")
    return dead


async def test_an_event_that_cannot_be_applied_is_dead_and_says_why(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = await a_dead_event(shop)

    out = capsys.readouterr().out
    assert dead["attempts"] == inbox.MAX_ATTEMPTS
    assert dead["lastError"].startswith("Stripe: UNKNOWN (status 200")
    assert out.count("webhook.given_up") == 1
    assert dead["stripeEventId"] in next(line for line in out.splitlines() if "webhook.given_up" in line)


async def test_a_refund_of_others_is_written_down_beside_a_reservation_of_ours(shop: Shop) -> None:
    """Our refund has no answer yet, and the Dashboard has refunded the amount that it reserves."""
    payment = await shop.paid()
    await shop.deliver()
    shop.sandbox.fault(kind="hold_before", method="POST", path="/v1/refunds")
    ours = asyncio.create_task(shop.refund(payment["id"], 6_000))
    while (await shop.payment(payment["id"]))["amountRefundPending"] != {"amount": 6_000}:
        await asyncio.sleep(0.01)
    await shop.dashboard_refund(6_000)
    await shop.sandbox.deliver_due()

    await apply_all(shop)
    beside = await shop.payment(payment["id"])
    shop.sandbox.clear_faults()
    payload = await ours
    await apply_all(shop)

    assert beside["amountRefunded"] == beside["amountRefundPending"] == {"amount": 6_000}
    assert beside["amountRefundable"] == {"amount": 0}
    assert await seen(shop, "FAILED") == await seen(shop, "DEAD") == []
    assert [e["code"] for e in payload["errors"]] == ["AMOUNT_EXCEEDS_REFUNDABLE"]
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 6_000}


async def test_a_dry_run_only_counts(shop: Shop) -> None:
    dead = await a_dead_event(shop)

    would = await replay(shop, dead, dry=True)
    by_default = await shop.staff.ask(
        "mutation R($ids: [ID!]!) { replayWebhookEvents(ids: $ids) { affected } }", ids=[dead["id"]]
    )

    assert would == by_default["replayWebhookEvents"]["affected"] == 1
    assert await seen(shop, "DEAD") == [dead]


async def test_a_replayed_event_is_tried_anew_and_keeps_its_number(shop: Shop) -> None:
    dead = await a_dead_event(shop)

    replayed = await replay(shop, dead)
    await apply_all(shop)
    [failed] = await seen(shop, "FAILED")
    shop.sandbox.clear_faults()
    await all_is_due()
    await apply_all(shop)

    assert replayed == 1
    assert failed["attempts"] == inbox.MAX_ATTEMPTS + 1
    assert [(e["id"], e["attempts"]) for e in await seen(shop, "PROCESSED")] == [(dead["id"], failed["attempts"] + 1)]


async def test_an_event_that_is_being_applied_is_not_replayed(shop: Shop) -> None:
    await one_event_is_due(shop)
    [held] = await inbox.take(lease_seconds=60)

    replayed = [await replay(shop, *await seen(shop, "PROCESSING"), dry=dry) for dry in (True, False)]
    taken = await inbox.take(lease_seconds=60)

    assert replayed == [0, 0]
    assert taken == []
    assert (await WebhookEvent.get(id=held.id)).attempt == held.attempt == 1


async def test_a_worker_from_before_a_replay_settles_nothing(shop: Shop) -> None:
    await one_event_is_due(shop)
    slow = await inbox.take(lease_seconds=60)
    await all_is_due()
    replayed = await replay(shop, *await seen(shop, "PROCESSING"))
    quick = await inbox.take(lease_seconds=60)

    with pytest.raises(LeaseLost):
        await run_in_transaction(lambda: inbox.finish_events(slow, WebhookState.PROCESSED))
    await inbox.retry(slow[0], "too slow")

    assert replayed == 1
    assert (slow[0].attempt, quick[0].attempt) == (1, 2)
    [event] = await seen(shop, "PROCESSING")
    assert event["lastError"] is None


async def test_an_event_that_ends_every_process_is_given_up_in_the_end(shop: Shop) -> None:
    await one_event_is_due(shop)
    before = looks(shop, INTENTS)
    await query_rows(
        "UPDATE webhook_event SET state = 'PROCESSING', attempt = $1, tries = $1 WHERE due IS NOT NULL",
        [inbox.MOST_TAKES],
    )

    await apply_all(shop)

    [dead] = await seen(shop, "DEAD")
    assert dead["lastError"] == "every process that took it ended before it was applied"
    assert looks(shop, INTENTS) == before


async def test_the_command_replays_several_events_and_names_what_is_not_there(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.paid()
    await shop.deliver()
    one, two, *_ = [event["stripeEventId"] for event in await seen(shop, "PROCESSED")]
    capsys.readouterr()

    would = await replay_and_report([one, two, "evt_nobodys"], dead=False, dry_run=True)
    before = capsys.readouterr(), await WebhookEvent.filter(state="RECEIVED").count()
    done = await replay_and_report([one, two, one], dead=False, dry_run=False)
    after = capsys.readouterr().out

    assert (would, done) == (1, 0)
    assert before[0].out == f"{one} would be due again.\n{two} would be due again.\n"
    assert before[0].err == "evt_nobodys is not in the inbox, or is being applied at the moment.\n"
    assert before[1] == 0
    assert after == f"{one} is due again.\n{two} is due again.\n"
    assert {event["stripeEventId"] for event in await seen(shop, "RECEIVED")} == {one, two}


async def test_the_command_replays_all_dead_events(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    dead = await a_dead_event(shop)
    capsys.readouterr()

    codes = [await replay_and_report([], dead=True, dry_run=dry_run) for dry_run in (True, False, False)]

    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Of the events")]
    assert codes == [0, 0, 0]
    assert [line.removeprefix("Of the events that were given up, ") for line in said] == [
        "1 would be due again.",
        "1 is due again.",
        "0 are due again.",
    ]
    assert [event["id"] for event in await seen(shop, "RECEIVED")] == [dead["id"]]


def test_the_command_takes_ids_or_dead(capsys: pytest.CaptureFixture[str]) -> None:
    several = parser().parse_args(["replay", "evt_1", "evt_2", "--dry-run"])

    for refused in ([], ["evt_1", "--dead"]):
        with pytest.raises(SystemExit):
            parser().parse_args(["replay", *refused])

    assert (several.event_ids, several.dead, several.dry_run) == (["evt_1", "evt_2"], False, True)
    assert capsys.readouterr().err.count("\n") == 2


# -- lag -------------------------------------------------------------------------------------------------------------


async def test_work_that_nobody_does_is_an_alarm_once_a_minute(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await one_event_is_due(shop)
    capsys.readouterr()
    await query_rows("UPDATE webhook_event SET due = now() - interval '119 seconds' WHERE due IS NOT NULL")
    await shop.runtime.worker.watch_lag()
    patient = (await shop.http.get("/readyz")).status_code, capsys.readouterr().out.count("worker.lag")
    await query_rows("UPDATE webhook_event SET due = now() - interval '121 seconds' WHERE due IS NOT NULL")

    for _ in range(3):
        await shop.runtime.worker.watch_lag()
    by_worker = capsys.readouterr().out
    answers = [await shop.http.get("/readyz") for _ in range(3)]
    by_readiness = capsys.readouterr().out

    [event] = await WebhookEvent.filter(due__isnull=False)
    assert patient == (200, 0)
    assert by_worker.count("worker.lag") == by_readiness.count("worker.lag") == 1
    assert event.stripe_event_id in by_worker
    assert [answer.status_code for answer in answers] == [503] * 3
    assert answers[0].json()["checks"]["worker"] == {"ok": False, "detail": "failed"}
