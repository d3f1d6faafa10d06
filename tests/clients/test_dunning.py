"""Renewals as docs/clients/dunning.md charges them: once, again on another day where that may help, else by asking."""

from collections.abc import AsyncIterator

import httpx
import pytest
from examples import dunning
from examples.dunning import Next
from paygraph_client import Canceled, Declined, MemoryStore, Paid, Refused

from tests.clients.test_python_client import an_order, charged, client_at, paying, port_of
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import STAFF, key, token

SERVICE = token("renewals", STAFF)


@pytest.fixture
async def running(cluster: Cluster) -> AsyncIterator[Application]:
    async with cluster.application(worker=True, worker_webhooks=True) as application:
        yield application


async def a_default(running: Application) -> None:
    """Let the buyer keep a card for payments while they are away, as their default."""
    async with client_at(port_of(running)) as buyer:
        kept = await buyer.pay(await an_order(running), **paying(), setup_future_usage="OFF_SESSION")
    query = "{ viewer { customer { paymentMethods { nodes { id } } } } }"
    [method] = (await running.buyer.ask(query))["viewer"]["customer"]["paymentMethods"]["nodes"]
    payload = await running.buyer.do("setDefaultPaymentMethod", id=method["id"], key=key())
    assert isinstance(kept, Paid)
    assert payload["errors"] == []


async def the_card_behaves(cluster: Cluster, behaves: str) -> None:
    card = cluster.sandbox.snapshot().payment_methods[0]["id"]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as dashboard:
        answer = await dashboard.post(f"/_sandbox/payment_methods/{card}", json={"behaves": behaves})
    assert answer.status_code == 200


async def test_a_renewal_is_charged_and_its_key_forgotten(cluster: Cluster, running: Application) -> None:
    await a_default(running)
    order_id, store = await an_order(running), MemoryStore()
    async with client_at(port_of(running), store, bearer=SERVICE) as client:
        step = await dunning.charge(client, order_id, 10_000, "USD", tried=0)
        again = await dunning.charge(client, order_id, 10_000, "USD", tried=0)

    assert (step, again) == (Next.NOTHING, Next.NOTHING)
    assert store.get(order_id) is None
    assert charged(cluster) == [10_000, 10_000]


async def test_what_may_be_tried_again_is_tried_on_another_day(cluster: Cluster, running: Application) -> None:
    await a_default(running)
    await the_card_behaves(cluster, "pm_card_chargeDeclinedInsufficientFunds")
    order_id = await an_order(running)
    async with client_at(port_of(running), MemoryStore(), bearer=SERVICE) as client:
        first = await dunning.charge(client, order_id, 10_000, "USD", tried=0)
        await the_card_behaves(cluster, "pm_card_visa")
        second = await dunning.charge(client, order_id, 10_000, "USD", tried=1)

    assert (first, second) == (Next.LATER, Next.NOTHING)
    assert charged(cluster) == [10_000, 0, 10_000]


@pytest.mark.parametrize(
    ("behaves", "retry"),
    [
        ("pm_card_authenticationRequired", "REAUTHENTICATE_ON_SESSION"),
        ("pm_card_chargeDeclinedStolenCard", "DO_NOT_RETRY"),
        ("pm_card_chargeDeclinedExpiredCard", "DO_NOT_RETRY"),
    ],
)
async def test_what_only_the_customer_can_mend_is_asked_for(
    cluster: Cluster, running: Application, behaves: str, retry: str
) -> None:
    await a_default(running)
    await the_card_behaves(cluster, behaves)
    order_id, store = await an_order(running), MemoryStore()
    async with client_at(port_of(running), store, bearer=SERVICE) as client:
        step = await dunning.charge(client, order_id, 10_000, "USD", tried=0)
        declined = await client.resume(order_id)
        paid = await client.try_again(order_id, payment_method_id="pm_card_mastercard", return_url="https://a.example/")

    assert step is Next.ASK
    assert isinstance(declined, Declined)
    assert declined.retry == retry
    assert isinstance(paid, Paid)
    assert charged(cluster) == [10_000, 10_000]


async def test_a_network_that_breaks_charges_once(cluster: Cluster, running: Application) -> None:
    await a_default(running)
    order_id = await an_order(running)
    cluster.sandbox.fault(kind="drop_after", method="POST", path="/v1/payment_intents", times=1)
    async with client_at(port_of(running), MemoryStore(), bearer=SERVICE) as client:
        step = await dunning.charge(client, order_id, 10_000, "USD", tried=0)

    assert step is Next.NOTHING
    assert charged(cluster) == [10_000, 10_000]


async def test_without_a_method_the_customer_is_asked_and_told_why(running: Application) -> None:
    order_id = await an_order(running)
    async with client_at(port_of(running), MemoryStore(), bearer=SERVICE, language="de") as client:
        result = await client.pay_off_session(order_id, amount=10_000, currency="USD")

    assert isinstance(result, Refused)
    assert dunning.what_next(result, tried=0) is Next.ASK
    assert result.customer_message is not None
    assert result.customer_message.startswith("Diese Zahlungsmethode kann")


async def test_a_payment_that_is_given_up_makes_room(cluster: Cluster, running: Application) -> None:
    await a_default(running)
    await the_card_behaves(cluster, "pm_card_chargeDeclined")
    order_id = await an_order(running)
    async with client_at(port_of(running), MemoryStore(), bearer=SERVICE) as client:
        declined = await client.pay_off_session(order_id, amount=10_000, currency="USD")
        given_up = await client.give_up(order_id)

    assert isinstance(declined, Declined)
    assert given_up == Canceled(declined.payment_id)
