"""A process is frozen with a refund in its hands for longer than Stripe keeps keys, and thawed: one refund is made.

Meanwhile another process takes the operation over and ends it. Its key is forgotten then, so that the same request
would be a second refund at Stripe.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from database.connection import parse_url
from tests.crash.processes.cluster import Application, Town
from tests.crash.processes.gate import CONNECTED, CONNECTING, full_gate
from tests.crash.test_kill import PAY
from tests.support.shop import Json, key

DAY_AND_AN_HOUR = 25 * 3_600  # Stripe forgets a key after 24 hours
LEASE_SECONDS = 1.0
TAKEN_OVER_SECONDS = 4.0  # a lease, a look of the janitor, a call; what is locked by the frozen one is not taken over
AMOUNT = 3_000  # of 10,000: there is room for a second one


async def _refund_of(application: Application, number: int) -> Json:
    """A payment of another order, and what a refund of a part of it is asked with."""
    order = {"externalId": f"order-{number}", "total": {"amount": 10_000, "currency": "USD"}}
    registered = await application.staff.do("registerOrder", input={**order, "customerExternalId": "buyer"}, key=key())
    paid = await application.buyer.do("createPayment", input={"orderId": registered["order"]["id"], **PAY}, key=key())
    assert paid["errors"] == []
    amount = {"amount": AMOUNT, "currency": "USD"}
    return {"paymentId": paid["payment"]["id"], "reason": "OTHER", "amount": amount}


async def _ended_by_another(url: str) -> bool:
    """Wait for the other process to end the refund; False when none was accepted, or it cannot."""
    connection = await asyncpg.connect(**parse_url(url))
    is_open = "SELECT count(*) FROM operation WHERE kind = 'REFUND_PAYMENT' AND due IS NOT NULL"
    try:
        if not await connection.fetchval(is_open):
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKEN_OVER_SECONDS):
                while await connection.fetchval(is_open):
                    await asyncio.sleep(0.02)
                return True
        return False
    finally:
        await connection.close()


async def _made_once(town: Town, other: Application, given: Json, one_key: str, *, refunds: int) -> None:
    """The client asks again until it knows: there is one refund at Stripe for each that was asked, and in our books."""
    async with asyncio.timeout(20):
        while (told := await other.staff.do("refundPayment", input=given, key=one_key))["errors"]:
            assert told["errors"][0]["retryable"] is True
            await asyncio.sleep(0.05)
    assert [refund["amount"] for refund in town.sandbox.snapshot().refunds] == [AMOUNT] * refunds
    shown = "query P($id: ID!) { payment(id: $id) { amountRefunded { amount } amountRefundPending { amount } } }"
    data = await other.staff.ask(shown, id=given["paymentId"])
    assert data["payment"] == {"amountRefunded": {"amount": AMOUNT}, "amountRefundPending": {"amount": 0}}


@asynccontextmanager
async def _refunding(application: Application, given: Json, one_key: str) -> AsyncIterator["asyncio.Task[Any]"]:
    """A refund that is being asked of an application which may not answer for long."""
    calling = asyncio.create_task(application.staff.do("refundPayment", input=given, key=one_key))
    try:
        yield calling
    finally:
        await asyncio.gather(calling, return_exceptions=True)


async def test_frozen_at_any_statement_with_the_request_ready(town: Town, database_url: str) -> None:
    """Whatever the process was waiting for, Stripe is connected to, if at all, after it was thawed."""
    step, ended, proxy = 0, 0, town.proxy
    async with (
        town.application(worker=False, lease_seconds=LEASE_SECONDS) as frozen,
        town.application(worker=True, lease_seconds=5, database_url=database_url) as other,
    ):
        proxy.goes_on, proxy.on_stop = True, frozen.freeze
        while True:
            step += 1
            given, one_key = await _refund_of(frozen, step), key()
            proxy.steps, proxy.stop_at = 0, step
            proxy.stopped.clear()
            proxy.armed = True
            async with _refunding(frozen, given, one_key) as calling:
                stopping = asyncio.create_task(proxy.stopped.wait())
                await asyncio.wait({calling, stopping}, return_when=asyncio.FIRST_COMPLETED)
                proxy.armed = False
                if not proxy.stopped.is_set():
                    stopping.cancel()
                    break
                await proxy.answered.wait()
                ended += await _ended_by_another(database_url)
                town.sandbox.advance(DAY_AND_AN_HOUR)
                frozen.thaw()
            await _made_once(town, other, given, one_key, refunds=step)
    assert ended >= 1  # it had accepted the refund, and another one made it


async def test_frozen_while_it_connects_to_stripe(town: Town, database_url: str) -> None:
    """The kernel ends the handshake for a frozen process, which wakes up with a connection and nothing written."""
    async with (
        full_gate(town.stripe_port) as gate,
        town.application(
            worker=False, lease_seconds=LEASE_SECONDS, stripe_api_base=f"http://127.0.0.1:{gate.port}"
        ) as frozen,
        town.application(worker=True, lease_seconds=5) as other,
    ):
        given, one_key = await _refund_of(other, 1), key()
        before = len(town.sandbox.snapshot().requests)
        async with _refunding(frozen, given, one_key):
            async with asyncio.timeout(10):
                while gate.states() != [CONNECTING]:
                    await asyncio.sleep(0.005)
            frozen.freeze()
            await gate.open()
            ended = await _ended_by_another(database_url)
            town.sandbox.advance(DAY_AND_AN_HOUR)
            async with asyncio.timeout(10):
                while gate.states() != [CONNECTED]:
                    await asyncio.sleep(0.005)
            frozen.thaw()
        await _made_once(town, other, given, one_key, refunds=1)

    asked = [request["path"] for request in town.sandbox.snapshot().requests[before:] if request["method"] == "POST"]
    assert ended
    assert asked == ["/v1/refunds"]  # by the other process
