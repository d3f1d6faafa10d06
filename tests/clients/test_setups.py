"""Our Python client keeps a card without paying: once, wherever the connection is cut, and knows how far it is."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from paygraph_client import Kept, MemoryStore, Paid, Paygraph, Refused, SetupResult, ToSetUp, Undecided

from sandbox.deliveries import sign
from tests.clients.cutting_proxy import CuttingProxy, Direction
from tests.clients.test_python_client import an_order, client_at, paying, port_of
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import WEBHOOK_SECRET, key


@pytest.fixture
async def running(cluster: Cluster) -> AsyncIterator[Application]:
    async with cluster.application(worker=True, worker_webhooks=True) as application:
        yield application


async def _browser_sets_up(cluster: Cluster, running: Application, method: str) -> int:
    """Confirm the newest setup at Stripe as the customer's browser does, and send its news; returns Stripe's status."""
    setup = cluster.sandbox.snapshot().setup_intents[-1]
    given = {"payment_method": method, "client_secret": setup["client_secret"], "return_url": "https://shop.example/"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as browser:
        headers = {"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()}
        answer = await browser.post(f"/v1/setup_intents/{setup['id']}/confirm", data=given, headers=headers)
    for event in cluster.sandbox.snapshot().events:
        raw = json.dumps(event).encode()
        signed = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
        await running.http.post("/webhooks/stripe", content=raw, headers=signed)
    return answer.status_code


async def _until(client: Paygraph, holds: Callable[[SetupResult], bool]) -> SetupResult:
    """Ask again until the news are applied."""
    async with asyncio.timeout(10):
        while not holds(found := await client.set_up("my card")):
            await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize(("direction", "after_bytes"), [("request", 1), ("request", 1_000), ("answer", 1)])
async def test_wherever_the_connection_is_cut_one_setup_is_begun(
    cluster: Cluster, running: Application, direction: Direction, after_bytes: int
) -> None:
    await an_order(running)
    async with CuttingProxy(port_of(running), direction, after_bytes) as network, client_at(network.port) as client:
        result = await client.set_up("my card")

    [setup] = cluster.sandbox.snapshot().setup_intents
    assert isinstance(result, ToSetUp)
    assert result.client_secret == setup["client_secret"]
    assert setup["client_secret"] not in repr(result)


async def test_a_card_is_kept_and_pays(cluster: Cluster, running: Application) -> None:
    order_id = await an_order(running)
    async with client_at(port_of(running)) as client:
        begun = await client.set_up("my card", usage="OFF_SESSION")
        assert await _browser_sets_up(cluster, running, "pm_card_chargeDeclinedExpiredCard") == 402
        failed = await _until(client, lambda found: isinstance(found, ToSetUp) and found.message is not None)
        assert await _browser_sets_up(cluster, running, "pm_card_visa") == 200
        kept = await _until(client, lambda found: isinstance(found, Kept))
        assert isinstance(kept, Kept)
        declined = await client.pay(order_id, **paying("pm_card_chargeDeclined"))
        paid = await client.try_again(
            order_id, saved_payment_method_id=kept.method_id, return_url="https://shop.example/"
        )

    assert isinstance(begun, ToSetUp)
    assert isinstance(failed, ToSetUp)
    assert failed.message is not None
    assert failed.message.startswith("The card has expired.")
    assert begun.setup_id == failed.setup_id == kept.setup_id
    assert not isinstance(declined, Paid)
    assert isinstance(paid, Paid)
    assert len(cluster.sandbox.snapshot().setup_intents) == 1


async def test_a_refusal_and_an_outage_say_so(cluster: Cluster, running: Application) -> None:
    async with client_at(port_of(running)) as client:
        refused = await client.set_up("nobody's")  # no order has named this buyer
    await an_order(running)
    cluster.sandbox.fault(kind="drop_before", method="POST", path="/v1/.*", times=50)
    store = MemoryStore()
    async with client_at(port_of(running), store, patience=0.5) as client:
        undecided = await client.set_up("my card")
    cluster.sandbox.clear_faults()
    async with client_at(port_of(running), store) as client:
        begun = await client.set_up("my card")

    assert isinstance(refused, Refused)
    assert refused.code == "NOT_FOUND"
    assert isinstance(undecided, Undecided)
    assert isinstance(begun, ToSetUp)
    assert len(cluster.sandbox.snapshot().setup_intents) == 1
