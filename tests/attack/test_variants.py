"""The proof that the attack can fail: each wrong variant is caught by its scenario, and the right code passes it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import httpx
import pytest

from database.connection import parse_url
from sandbox.deliveries import sign
from tests.attack import variants
from tests.attack.invariants import books_equal_stripes, no_stripe_key_was_sent_twice, violations
from tests.attack.world import Memory, look, paying, refunding, until, until_idle
from tests.crash.processes.cluster import Application, Cluster
from tests.crash.processes.kills import kill_in_call
from tests.support.shop import WEBHOOK_SECRET, Json, key

HURRIED = "hurried"
# Only the database's owner could do this: no trigger sees it.
LOSE = """
SET session_replication_role = replica;
DELETE FROM payment_event e USING as_it_was o WHERE e.order_id = o.id AND e.sequence > o.last_sequence;
DELETE FROM operation WHERE payment_id IS NOT NULL;
DELETE FROM payment_failure;
DELETE FROM refund;
DELETE FROM payment;
DELETE FROM orders;
INSERT INTO orders SELECT * FROM as_it_was;
"""
Scenario = Callable[[Cluster, str, Sequence[str]], Awaitable[list[str]]]


async def _judged(cluster: Cluster, application: Application, memory: Memory, url: str) -> list[str]:
    await until_idle(url, seconds=3)
    return violations(await look(cluster, application, memory, url))


async def lost_refund_answer(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """Stripe refunds a part, and its answer is lost."""
    memory = Memory()
    async with cluster.application(worker=True, variants=[HURRIED, *wrong]) as running:
        paid = await memory.pay(running)
        cluster.sandbox.fault(kind="drop_after", method="POST", path="/v1/refunds")
        given = refunding(paid["payment"]["id"], 3_000)
        await memory.settled(lambda: running.staff, "staff", "refundPayment", key(), input=given)
        return await _judged(cluster, running, memory, url)


async def lost_commit(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """A standby takes over that lacks all commits since the order's registration; the client repeats its key."""
    memory, one_key = Memory(), key()
    async with cluster.application(worker=True, variants=[HURRIED, *wrong]) as running:
        given = paying(await memory.order(running))
        await _run(url, "CREATE TABLE as_it_was AS SELECT * FROM orders")
        await memory.do(running.buyer, "buyer", "createPayment", one_key, input=given)
    await _run(url, LOSE)
    async with cluster.application(worker=True, variants=[HURRIED, *wrong]) as running:
        await memory.settled(lambda: running.buyer, "buyer", "createPayment", one_key, input=given)
        found = await _judged(cluster, running, memory, url)
    return [words for words in found if "version" not in words]  # fewer steps led there this time


async def repeated_refund(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """A client sends its refund twice under one key."""
    memory, one_key = Memory(), key()
    async with cluster.application(worker=True, variants=wrong) as running:
        paid = await memory.pay(running)
        given = refunding(paid["payment"]["id"], 3_000)
        for _ in range(2):
            await memory.do(running.staff, "staff", "refundPayment", one_key, input=given)
        return await _judged(cluster, running, memory, url)


async def two_refunds_at_once(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """A second refund is requested while Stripe works on the first, and there is not enough for both."""
    memory = Memory()
    async with cluster.application(worker=False, lease_seconds=5, variants=wrong) as running:
        paid = await memory.pay(running)
        given = refunding(paid["payment"]["id"], 6_000)
        number = cluster.sandbox.fault(kind="hold_before", method="POST", path="/v1/refunds")
        first = asyncio.create_task(memory.do(running.staff, "staff", "refundPayment", key(), input=given))
        await _fired(cluster, number)
        await memory.do(running.staff, "staff", "refundPayment", key(), input=given)
        cluster.sandbox.clear_faults()
        await first
        return await _judged(cluster, running, memory, url)


async def events_doubled(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """A declined attempt's event arrives twice, after a later attempt has succeeded."""
    memory = Memory()
    async with cluster.application(worker=True, worker_webhooks=True, variants=wrong) as running:
        declined = await memory.pay(running, paymentMethodId="pm_card_chargeDeclined")
        given = {"paymentId": declined["payment"]["id"], "paymentMethodId": "pm_card_visa"}
        await memory.do(running.buyer, "buyer", "confirmPayment", key(), **given)
        [event] = [e for e in cluster.sandbox.snapshot().events if e["type"] == "payment_intent.payment_failed"]
        for _ in range(2):
            await _send(running, event)
            await until_idle(url, seconds=3)
        return await _judged(cluster, running, memory, url)


async def events_backwards(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """The buyer's first card is declined, the second one pays, and all events arrive in the opposite order."""
    memory = Memory()
    async with cluster.application(worker=True, worker_webhooks=True, variants=wrong) as running:
        await memory.pay(running, confirm=False, paymentMethodId=None)
        assert await _in_the_browser(cluster, "pm_card_visa_chargeDeclined") == 402
        assert await _in_the_browser(cluster, "pm_card_visa") == 200
        for event in reversed(cluster.sandbox.snapshot().events):
            await _send(running, event)
            await until_idle(url, seconds=3)
        return await _judged(cluster, running, memory, url)


async def browser_pays(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """The buyer's browser confirms at Stripe, and only the webhook reports it."""
    memory = Memory()
    async with cluster.application(worker=True, worker_webhooks=True, variants=wrong) as running:
        await memory.pay(running, confirm=False, paymentMethodId=None)
        assert await _in_the_browser(cluster, "pm_card_visa") == 200
        for event in cluster.sandbox.snapshot().events:
            await _send(running, event)
        return await _judged(cluster, running, memory, url)


async def slow_answer(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """Stripe is slow, but well within the lease: no other process may take the operation."""
    memory = Memory()
    async with cluster.application(worker=True, lease_seconds=5, variants=wrong) as running:
        cluster.sandbox.fault(kind="slow", method="POST", path="/v1/payment_intents/[^/]+/confirm", seconds=0.5)
        await memory.pay(running)  # once: runners that take it from each other may never decide it
        await until_idle(url, seconds=3)
        world = await look(cluster, running, memory, url)
        return violations(world) + no_stripe_key_was_sent_twice(world)


async def overtaken_driver(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """A runner gets no answer for longer than its lease; another one finishes; then the first one gives up."""
    memory, one_key = Memory(), key()
    async with cluster.application(worker=True, stripe_timeout_seconds=1.2, variants=[HURRIED, *wrong]) as running:
        paid = await memory.pay(running)
        given = refunding(paid["payment"]["id"], 3_000)
        number = cluster.sandbox.fault(kind="hold_after", method="POST", path="/v1/refunds")
        first = asyncio.create_task(memory.do(running.staff, "staff", "refundPayment", one_key, input=given))
        await _fired(cluster, number)
        await memory.settled(lambda: running.staff, "staff", "refundPayment", one_key, input=given)
        await first
        cluster.sandbox.clear_faults()
        return await _judged(cluster, running, memory, url)


async def a_day_later(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """An answer is lost, and the machine returns when Stripe has forgotten the key."""
    memory, one_key = Memory(), key()
    changes = {"request_budget_seconds": 0, "stripe_key_life_seconds": 0.2}
    async with cluster.application(worker=True, variants=wrong, **changes) as running:
        paid = await memory.pay(running)
        given = refunding(paid["payment"]["id"], 3_000)
        cluster.sandbox.fault(kind="drop_after", method="POST", path="/v1/refunds")
        await memory.do(running.staff, "staff", "refundPayment", one_key, input=given)
        cluster.sandbox.advance(25 * 3_600)
        await memory.settled(lambda: running.staff, "staff", "refundPayment", one_key, input=given)
        return await _judged(cluster, running, memory, url)


async def killed_in_create(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """The process dies before it learns that Stripe has made the payment: no money may have moved by then."""
    memory = Memory()
    async with cluster.application(worker=False, variants=wrong) as running:
        given = paying(await memory.order(running))
        call = memory.do(running.buyer, "buyer", "createPayment", key(), input=given)
        await kill_in_call(cluster, running, "hold_after", "/v1/payment_intents", call)
    async with cluster.application(worker=False) as second:
        return books_equal_stripes(await look(cluster, second, memory, url))


async def late_answer(cluster: Cluster, url: str, wrong: Sequence[str]) -> list[str]:
    """The payer has authenticated and a read has shown it, before the answer that asks for it arrives."""
    memory = Memory()
    async with cluster.application(worker=False, lease_seconds=5, variants=wrong) as running:
        order_id = await memory.order(running)
        number = cluster.sandbox.fault(kind="hold_after", method="POST", path="/v1/payment_intents/[^/]+/confirm")
        method = {"paymentMethodId": "pm_card_threeDSecure2Required", "returnUrl": "https://shop.example/"}
        paying_now = asyncio.create_task(memory.pay(running, order_id=order_id, **method))
        await _fired(cluster, number)
        [intent] = cluster.sandbox.snapshot().payment_intents
        assert (await _at_stripe(cluster, f"/_sandbox/3ds/{intent['id']}", {"result": "complete"})).status_code < 400
        found = await running.staff.ask("{ payments(first: 1) { nodes { id } } }")
        await running.staff.do("syncPayment", paymentId=found["payments"]["nodes"][0]["id"])
        cluster.sandbox.clear_faults()
        await paying_now
        return await _judged(cluster, running, memory, url)


# Each wrong variant, its scenario, and the invariant that must be violated (others may be as well).
CAUGHT_BY: dict[Callable[[], None], tuple[Scenario, str]] = {
    variants.stripe_key_for_each_attempt: (lost_refund_answer, "one_key_moved_money_at_most_once"),
    variants.id_of_its_own: (lost_commit, "one_key_moved_money_at_most_once"),
    variants.new_key_on_retry: (lost_refund_answer, "one_key_moved_money_at_most_once"),
    variants.client_key_not_kept: (repeated_refund, "one_key_had_one_answer"),
    variants.unknown_is_failed: (lost_refund_answer, "books_equal_stripes"),
    variants.refund_not_reserved: (two_refunds_at_once, "refunds_never_above_captured"),
    variants.event_applied_again: (events_doubled, "each_event_was_applied_once"),
    variants.stale_event_wins: (events_backwards, "no_status_is_older_than_stripes"),
    variants.event_not_kept: (browser_pays, "no_status_is_older_than_stripes"),
    variants.lease_ignored: (slow_answer, "no_stripe_key_was_sent_twice"),
    variants.fence_ignored: (overtaken_driver, "what_was_told_stays_true"),
    variants.cliff_ignored: (a_day_later, "one_key_moved_money_at_most_once"),
    variants.confirmed_at_create: (killed_in_create, "Stripe holds money"),
    variants.late_answer_wins: (late_answer, "no_status_is_older_than_stripes"),
}
SCENARIOS = tuple(dict.fromkeys(scenario for scenario, _ in CAUGHT_BY.values()))


def test_every_wrong_variant_has_its_scenario() -> None:
    assert set(CAUGHT_BY) == set(variants.WRONG)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_the_right_code_passes(cluster: Cluster, database_url: str, scenario: Scenario) -> None:
    assert await scenario(cluster, database_url, []) == []


@pytest.mark.parametrize("wrong", variants.WRONG, ids=lambda wrong: wrong.__name__)
async def test_each_wrong_variant_is_caught(cluster: Cluster, database_url: str, wrong: Callable[[], None]) -> None:
    scenario, rule = CAUGHT_BY[wrong]

    found = await scenario(cluster, database_url, [wrong.__name__])

    assert any(words.startswith(rule) for words in found), f"{rule} did not notice {wrong.__name__}: {found}"


async def _run(url: str, statements: str) -> None:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def _in_the_browser(cluster: Cluster, method: str) -> int:
    """Confirm at Stripe with this card, as the buyer's browser does; returns Stripe's status."""
    [intent] = cluster.sandbox.snapshot().payment_intents
    given = {"payment_method": method, "client_secret": intent["client_secret"], "return_url": "https://shop.example/"}
    return (await _at_stripe(cluster, f"/v1/payment_intents/{intent['id']}/confirm", given)).status_code


async def _fired(cluster: Cluster, number: int) -> None:
    async def fired() -> bool:
        return any(rule["fired"] for rule in cluster.sandbox.faults() if rule["id"] == number)

    assert await until(fired)


async def _send(running: Application, event: Json) -> None:
    """Deliver one event as Stripe does."""
    raw = json.dumps(event).encode()
    headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
    assert (await running.http.post("/webhooks/stripe", content=raw, headers=headers)).status_code == 200


async def _at_stripe(cluster: Cluster, path: str, given: dict[str, Any]) -> httpx.Response:
    """Send a request of the buyer's browser to Stripe itself."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as browser:
        headers = {"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()}
        return await browser.post(path, data=given, headers=headers)


APPLY_EACH: Final = """
import os
from tests.attack import variants
for name in variants.VARIANTS:
    child = os.fork()
    if child == 0:
        variants.apply([name])
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        print(name)
"""


@pytest.mark.short
def test_every_variant_can_be_applied() -> None:
    """A process that dies of its variant is caught by nothing, and its scenario waits for it in vain."""
    done = subprocess.run([sys.executable, "-c", APPLY_EACH], capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout, done.returncode) == ("", 0), done.stderr
