"""Our Python client pays once and reports the outcome, wherever the connection is cut and whenever it is killed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from paygraph_client import (
    Declined,
    FileStore,
    MemoryStore,
    NeedsAction,
    Paid,
    Paygraph,
    PaygraphError,
    Refused,
    Store,
    Undecided,
)

from tests.clients.cutting_proxy import CuttingProxy, Direction
from tests.crash.processes.cluster import Application, Cluster
from tests.support.payer_tokens import confirmation_token
from tests.support.shop import key, token

BUYER = token("buyer", "payments:pay")
# One byte of the request, its middle, all but its end; then of the answer, whose first bytes are its headers.
CUTS: list[tuple[Direction, int]] = [("request", n) for n in (0, 1, 300, 1_000)] + [
    ("answer", n) for n in (0, 1, 100, 400)
]


@asynccontextmanager
async def client_at(
    port: int, store: Store | None = None, bearer: str = BUYER, patience: float = 20.0, language: str = "en"
) -> AsyncIterator[Paygraph]:
    headers = {"Authorization": f"Bearer {bearer}", "Accept-Language": language}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as http:
        yield Paygraph(http, store=store or MemoryStore(), patience_seconds=patience)


@pytest.fixture
async def running(cluster: Cluster) -> AsyncIterator[Application]:
    async with cluster.application(worker=True, worker_webhooks=True) as application:
        yield application


async def an_order(running: Application) -> str:
    given = {
        "externalId": f"order-{key()}",
        "total": {"amount": 10_000, "currency": "USD"},
        "customerExternalId": "buyer",
    }
    payload = await running.staff.do("registerOrder", input=given, key=key())
    return str(payload["order"]["id"])


def port_of(running: Application) -> int:
    port = running.http.base_url.port
    assert port is not None
    return port


def charged(cluster: Cluster) -> list[int]:
    """Return Stripe's captured amount of each payment."""
    return [intent["amount_received"] for intent in cluster.sandbox.snapshot().payment_intents]


def paying(method: str = "pm_card_visa") -> dict[str, Any]:
    return {"amount": 10_000, "currency": "USD", "payment_method_id": method}


@pytest.mark.parametrize(("direction", "after_bytes"), CUTS)
async def test_wherever_the_connection_is_cut_the_order_is_paid_once(
    cluster: Cluster, running: Application, direction: Direction, after_bytes: int
) -> None:
    order_id = await an_order(running)
    async with CuttingProxy(port_of(running), direction, after_bytes) as network, client_at(network.port) as client:
        result = await client.pay(order_id, **paying())

    assert network.was_cut.is_set()
    assert isinstance(result, Paid)
    assert charged(cluster) == [10_000]
    assert (await running.staff.ask("query P($i: ID!) { payment(id: $i) { status } }", i=result.payment_id)) == {
        "payment": {"status": "SUCCEEDED"}
    }


SCRIPT = """
import asyncio, sys
from pathlib import Path
import httpx
from paygraph_client import FileStore, Paygraph

async def main(port, order_id, folder, bearer):
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:
        await Paygraph(http, store=FileStore(Path(folder))).pay(
            order_id, amount=10_000, currency="USD", payment_method_id="pm_card_visa"
        )

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(("direction", "after_bytes"), [("request", 1), ("answer", 0), ("answer", 400)])
async def test_a_client_that_is_killed_goes_on_where_it_was(
    cluster: Cluster, running: Application, tmp_path: Path, direction: Direction, after_bytes: int
) -> None:
    order_id = await an_order(running)
    async with CuttingProxy(port_of(running), direction, after_bytes) as network:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "clients" / "python")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SCRIPT, str(network.port), order_id, str(tmp_path), BUYER, env=environment
        )
        network.on_cut = process.kill
        async with asyncio.timeout(20):
            code = await process.wait()
        async with client_at(port_of(running), FileStore(tmp_path)) as client:
            result = await client.resume(order_id)
            again = await client.pay(order_id, **paying())
            client.forget(order_id)

    assert code == -9
    assert isinstance(result, Paid)
    assert again == result
    assert charged(cluster) == [10_000]
    assert list(tmp_path.iterdir()) == []


async def test_a_decline_is_told_and_another_card_pays_the_same_payment(cluster: Cluster, running: Application) -> None:
    order_id = await an_order(running)
    async with client_at(port_of(running)) as client:
        declined = await client.pay(order_id, **paying("pm_card_visa_chargeDeclined"))
        resumed = await client.resume(order_id)
        paid = await client.try_again(order_id, payment_method_id="pm_card_visa")

    assert isinstance(declined, Declined)
    assert resumed == declined
    assert declined.message
    assert paid == Paid(declined.payment_id)
    assert charged(cluster) == [10_000]


async def test_a_decline_is_told_in_the_language_that_the_client_accepts(running: Application) -> None:
    order_id = await an_order(running)
    async with client_at(port_of(running), language="es-MX") as client:
        declined = await client.pay(order_id, **paying("pm_card_chargeDeclinedExpiredCard"))

    assert isinstance(declined, Declined)
    assert declined.message == "La tarjeta ha caducado. Por favor, utilice otro método de pago."


async def test_the_token_of_what_the_payer_entered_pays_and_pays_again(cluster: Cluster, running: Application) -> None:
    order_id = await an_order(running)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as browser:
        tokens = [await confirmation_token(browser, name) for name in ("pm_card_chargeDeclined", "pm_card_visa")]
    async with client_at(port_of(running)) as client:
        declined = await client.pay(order_id, amount=10_000, currency="USD", confirmation_token_id=tokens[0])
        paid = await client.try_again(order_id, confirmation_token_id=tokens[1])

    assert isinstance(declined, Declined)
    assert paid == Paid(declined.payment_id)
    assert charged(cluster) == [10_000]


async def test_a_second_attempt_that_an_older_version_kept_is_gone_on_with(
    cluster: Cluster, running: Application
) -> None:
    """It kept the fields as arguments and not as an input: its key stands for the same request."""
    order_id, store = await an_order(running), MemoryStore()
    async with client_at(port_of(running), store) as client:
        declined = await client.pay(order_id, **paying("pm_card_visa_chargeDeclined"))
        assert isinstance(declined, Declined)
        fields = {"paymentId": declined.payment_id, "paymentMethodId": "pm_card_visa", "returnUrl": None}
        one_key = key()
        await running.buyer.do("confirmPayment", **fields, key=one_key)
        kept = {"kind": "CONFIRM_PAYMENT", "key": one_key, "variables": fields, "payment_id": declined.payment_id}
        store.put(order_id, kept)

        resumed = await client.resume(order_id)
        sent_again = await client._send(kept)

    assert resumed == Paid(declined.payment_id)
    assert sent_again["errors"] == []
    assert charged(cluster) == [10_000]


async def test_a_card_is_kept_and_pays_another_order(cluster: Cluster, running: Application) -> None:
    query = "{ viewer { customer { paymentMethods { nodes { id } } } } }"
    async with client_at(port_of(running)) as client:
        kept = await client.pay(await an_order(running), **paying(), setup_future_usage="ON_SESSION")
        [method] = (await running.buyer.ask(query))["viewer"]["customer"]["paymentMethods"]["nodes"]
        paid = await client.pay(
            await an_order(running), amount=10_000, currency="USD", saved_payment_method_id=method["id"]
        )

    assert isinstance(kept, Paid)
    assert isinstance(paid, Paid)
    assert charged(cluster) == [10_000, 10_000]


async def test_what_the_payer_has_to_do_is_told(running: Application) -> None:
    async with client_at(port_of(running)) as client:
        method = paying("pm_card_threeDSecure2Required")
        action = await client.pay(await an_order(running), return_url="https://shop.example/paid", **method)

    assert isinstance(action, NeedsAction)
    assert action.redirect_url


async def test_a_refusal_is_not_repeated(cluster: Cluster, running: Application) -> None:
    order_id = await an_order(running)
    async with client_at(port_of(running)) as client:
        result = await client.pay(order_id, amount=1, currency="USD", payment_method_id="pm_card_visa")
        nobody = client_at(port_of(running), bearer="nobody")
        async with nobody as stranger:
            with pytest.raises(PaygraphError) as refused:
                await stranger.pay(order_id, **paying())

    assert isinstance(result, Refused)
    assert result.code == "AMOUNT_MISMATCH"
    assert (refused.value.status, refused.value.code) == (401, "UNAUTHENTICATED")
    assert charged(cluster) == []


async def test_an_answer_that_stripe_does_not_give_is_waited_for(cluster: Cluster, running: Application) -> None:
    """The charge exists, its answer is lost: our side finds out, and the client is notified."""
    order_id = await an_order(running)
    cluster.sandbox.fault(kind="drop_after", method="POST", path=".*/confirm", times=1)
    async with client_at(port_of(running)) as client:
        result = await client.pay(order_id, **paying())

    assert isinstance(result, Paid)
    assert charged(cluster) == [10_000]


async def test_patience_ends_and_the_key_is_kept(cluster: Cluster, running: Application) -> None:
    order_id, store = await an_order(running), MemoryStore()
    async with CuttingProxy(port_of(running)) as network:
        closed = network.port
    async with client_at(closed, store, patience=1.0) as client:
        undecided = await client.pay(order_id, **paying())
    async with client_at(port_of(running), store) as client:
        paid = await client.resume(order_id)

    assert undecided == Undecided(None)
    assert isinstance(paid, Paid)
    assert charged(cluster) == [10_000]
