"""A process is frozen in the middle of a refund for longer than Stripe keeps keys, and continued: one refund is made.

Meanwhile another process takes over the operation and ends it. Its key is forgotten then, so that the same request
would be a second refund at Stripe.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from database.connection import parse_url
from tests.crash.processes.cluster import Application, Cluster
from tests.crash.processes.gate import CONNECTED, CONNECTING, full_gate
from tests.crash.test_kill import PAY
from tests.support.shop import Json, key

DAY_AND_AN_HOUR = 25 * 3_600  # Stripe forgets a key after 24 hours
LEASE_SECONDS = 1.0
TAKEN_OVER_SECONDS = 4.0  # a lease, a poll of the janitor, a call; locks of the frozen process stay
AMOUNT = 3_000  # of 10,000: a second one would fit


async def _refund_of(application: Application, number: int) -> Json:
    """Create another order's payment; returns it and the input of a partial refund."""
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


async def _made_once(cluster: Cluster, other: Application, given: Json, one_key: str, *, refunds: int) -> None:
    """Repeat the request until it is decided: Stripe and our books have one refund for each request."""
    async with asyncio.timeout(20):
        while (told := await other.staff.do("refundPayment", input=given, key=one_key))["errors"]:
            assert told["errors"][0]["retryable"] is True
            await asyncio.sleep(0.05)
    assert [refund["amount"] for refund in cluster.sandbox.snapshot().refunds] == [AMOUNT] * refunds
    shown = "query P($id: ID!) { payment(id: $id) { amountRefunded { amount } amountRefundPending { amount } } }"
    data = await other.staff.ask(shown, id=given["paymentId"])
    assert data["payment"] == {"amountRefunded": {"amount": AMOUNT}, "amountRefundPending": {"amount": 0}}


@asynccontextmanager
async def _refunding(application: Application, given: Json, one_key: str) -> AsyncIterator["asyncio.Task[Any]"]:
    """Request a refund from an application that may not answer for long."""
    calling = asyncio.create_task(application.staff.do("refundPayment", input=given, key=one_key))
    try:
        yield calling
    finally:
        await asyncio.gather(calling, return_exceptions=True)


async def test_frozen_at_any_statement_with_the_request_ready(cluster: Cluster, database_url: str) -> None:
    """Whatever the process was waiting for, it connects to Stripe, if at all, after it was continued."""
    step, ended, proxy = 0, 0, cluster.proxy
    async with (
        cluster.application(worker=False, lease_seconds=LEASE_SECONDS) as frozen,
        cluster.application(worker=True, lease_seconds=5, database_url=database_url) as other,
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
                cluster.sandbox.advance(DAY_AND_AN_HOUR)
                frozen.thaw()
            await _made_once(cluster, other, given, one_key, refunds=step)
    assert ended >= 1  # it had accepted the refund, and another process made it


async def test_frozen_while_it_connects_to_stripe(cluster: Cluster, database_url: str) -> None:
    """The kernel completes the handshake for a frozen process, which wakes up with a connection and nothing written."""
    async with (
        full_gate(cluster.stripe_port) as gate,
        cluster.application(
            worker=False, lease_seconds=LEASE_SECONDS, stripe_api_base=f"http://127.0.0.1:{gate.port}"
        ) as frozen,
        cluster.application(worker=True, lease_seconds=5) as other,
    ):
        given, one_key = await _refund_of(other, 1), key()
        before = len(cluster.sandbox.snapshot().requests)
        async with _refunding(frozen, given, one_key):
            async with asyncio.timeout(10):
                while gate.states() != [CONNECTING]:
                    await asyncio.sleep(0.005)
            frozen.freeze()
            await gate.open()
            ended = await _ended_by_another(database_url)
            cluster.sandbox.advance(DAY_AND_AN_HOUR)
            async with asyncio.timeout(10):
                while gate.states() != [CONNECTED]:
                    await asyncio.sleep(0.005)
            frozen.thaw()
        await _made_once(cluster, other, given, one_key, refunds=1)

    asked = [request["path"] for request in cluster.sandbox.snapshot().requests[before:] if request["method"] == "POST"]
    assert ended
    assert asked == ["/v1/refunds"]  # by the other process
