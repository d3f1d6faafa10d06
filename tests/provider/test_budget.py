"""The budget of requests: no more than Stripe allows, and the urgent ones first."""

import asyncio
import time

import pytest

from provider import Budget, Outcome, ProviderFailure
from provider.connection import request_budget
from provider.connection.request_budget import Priority


async def test_no_more_than_so_many_go_in_a_second() -> None:
    limited = Budget(per_second=50)
    started = time.monotonic()

    for _ in range(65):  # a second's worth at once, then fifteen at 50 a second
        await limited.take(Priority.PAY, "POST payment_intents")

    assert time.monotonic() - started >= 0.29


async def test_each_endpoint_has_its_own_share() -> None:
    limited = Budget(per_second=1_000, per_endpoint=1)
    await limited.take(Priority.LOOK_UP, "GET payment_intents/id")
    waiting = asyncio.create_task(limited.take(Priority.LOOK_UP, "GET payment_intents/id"))

    await asyncio.wait_for(limited.take(Priority.PAY, "POST payment_intents"), timeout=0.5)

    assert not waiting.done()
    waiting.cancel()


async def test_the_urgent_ones_go_first() -> None:
    limited = Budget(per_second=20)
    for _ in range(20):
        await limited.take(Priority.POLL, "GET events")
    gone: list[Priority] = []

    async def go(rank: Priority) -> None:
        await limited.take(rank, "any")
        gone.append(rank)

    await asyncio.gather(
        *(go(rank) for rank in (Priority.READ, Priority.POLL, Priority.LOOK_UP, Priority.REFUND, Priority.PAY))
    )

    assert gone == [Priority.PAY, Priority.REFUND, Priority.LOOK_UP, Priority.POLL, Priority.READ]


async def test_a_turn_that_does_not_come_is_a_refusal_of_ours_and_spends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_budget, "LONGEST_WAIT_SECONDS", 0.05)
    limited = Budget(per_second=2)
    for _ in range(2):
        await limited.take(Priority.PAY, "any")

    with pytest.raises(ProviderFailure) as caught:
        await limited.take(Priority.PAY, "any")

    assert caught.value.outcome is Outcome.THROTTLED
    assert caught.value.retry_after_seconds is not None
    monkeypatch.setattr(request_budget, "LONGEST_WAIT_SECONDS", 5.0)
    await asyncio.wait_for(limited.take(Priority.PAY, "any"), timeout=1.0)


async def test_a_caller_who_left_takes_nobodys_turn() -> None:
    limited = Budget(per_second=10)
    for _ in range(10):
        await limited.take(Priority.PAY, "any")
    gone = [asyncio.create_task(limited.take(Priority.PAY, "any")) for _ in range(20)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()

    await asyncio.wait_for(limited.take(Priority.POLL, "any"), timeout=0.5)


async def test_without_limits_nobody_waits() -> None:
    free = Budget()

    await asyncio.wait_for(asyncio.gather(*(free.take(Priority.POLL, "any") for _ in range(10_000))), timeout=1.0)
