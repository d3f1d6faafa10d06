"""One file, several processes; a restart; and the API over real sockets."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import stripe
import uvicorn

from sandbox import Sandbox
from tests.sandbox.stripe_account import DAY, StripeAccount, open_account

ROOT = Path(__file__).parents[3]
CHILD = """
import asyncio, sys
from pathlib import Path
from tests.sandbox.stripe_account import open_account

async def main():
    async with open_account(Path(sys.argv[1])) as account:
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(10):
            given = {"amount": 1000 + number, "currency": "usd", "payment_method": "pm_card_visa"}
            await account.v1.payment_intents.create_async(given, {"idempotency_key": f"k{number}"})
        await account.sandbox.deliver_due()
        print(" ".join(event["id"] for event in account.webhooks.events), flush=True)

asyncio.run(main())
"""


async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "stripe.sqlite3"
    async with open_account(path) as account:
        waiting = await account.pay("pm_usBankAccount_success")
        account.sandbox.advance(DAY)
        first = await account.v1.customers.create_async({}, {"idempotency_key": "k1"})
        books = account.sandbox.snapshot().to_json()

    async with open_account(path) as account:
        assert account.sandbox.snapshot().to_json() == books
        assert (await account.v1.customers.create_async({}, {"idempotency_key": "k1"})).id == first.id
        account.sandbox.advance(4 * DAY)
        assert (await account.again(waiting)).status == "succeeded"
        await account.sandbox.deliver_due()
        assert "payment_intent.succeeded" in account.webhooks.types


async def test_processes_on_one_file_are_as_one(tmp_path: Path) -> None:
    path = str(tmp_path / "stripe.sqlite3")
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, path, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        for _ in range(3)
    ]
    for child in children:
        assert child.stdout is not None
        assert (await child.stdout.readline()).strip() == b"ready"

    answers = [out for out, _ in await asyncio.gather(*(child.communicate(b"go\n") for child in children))]

    delivered = Counter(" ".join(answer.decode() for answer in answers).split())
    async with open_account(Path(path)) as account:
        await account.sandbox.deliver_due()
        delivered.update(event["id"] for event in account.webhooks.events)
        books = account.sandbox.snapshot()
    assert [child.returncode for child in children] == [0, 0, 0]
    assert sorted(intent["amount"] for intent in books.payment_intents) == [1_000 + n for n in range(10)]
    assert sorted(r["replayed"] for r in books.requests) == [0] * 10 + [1] * 20
    assert delivered == Counter(event["id"] for event in books.events)


@asynccontextmanager
async def _served() -> AsyncIterator[StripeAccount]:
    """Serve the sandbox behind uvicorn on loopback."""
    sandbox = Sandbox(None, faults_enabled=True)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(sandbox.asgi, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with open_account(base=base, network=True, sandbox=sandbox) as account:
            yield account
    finally:
        server.should_exit = True
        await serving
        await sandbox.close()


async def test_over_sockets_a_payment_is_a_payment() -> None:
    async with _served() as account:
        paid = await account.pay()
        waiting = await account.intent("pm_card_threeDSecure2Required", confirm=True)

        assert paid.status == "succeeded"
        page = waiting.next_action.use_stripe_sdk["stripe_js"]
        assert page == f"{account.browser.base_url}".rstrip("/") + f"/_sandbox/3ds/{waiting.id}"
        assert (await account.browser.get(page)).status_code == 200


@pytest.mark.parametrize(("kind", "charges"), [("drop_before", 0), ("drop_after", 1), ("timeout_after", 1)])
async def test_over_sockets_a_broken_connection_really_breaks(kind: str, charges: int) -> None:
    async with _served() as account:
        intent = await account.intent()
        account.sandbox.fault(kind=kind, path="/v1/payment_intents/[^/]+/confirm")

        with pytest.raises(httpx.TransportError):
            await account.http.post(f"/v1/payment_intents/{intent.id}/confirm", timeout=0.3)

        assert len(account.sandbox.snapshot().charges) == charges


async def test_over_sockets_a_held_request_dies_with_its_client() -> None:
    async with _served() as account:
        intent = await account.intent()
        number = account.sandbox.fault(kind="hold_after", path="/v1/payment_intents/[^/]+/confirm")

        calling = asyncio.create_task(
            account.v1.payment_intents.confirm_async(intent.id, {}, {"idempotency_key": "k1"})
        )
        async with asyncio.timeout(10):
            while not any(rule["fired"] for rule in await account.lever("GET", "faults")):
                await asyncio.sleep(0.005)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        again = await account.v1.payment_intents.confirm_async(intent.id, {}, {"idempotency_key": "k1"})
        await account.lever("DELETE", f"faults/{number}")

        assert again.status == "succeeded"
        assert again.last_response.headers["idempotent-replayed"] == "true"
        assert len(account.sandbox.snapshot().charges) == 1


async def test_the_levers_stay_shut_unless_opened() -> None:
    sandbox = Sandbox(None)
    async with open_account(sandbox=sandbox) as account:
        for path in ("faults", "books", "advance", "settle", "refunds", "disputes"):
            assert (await account.browser.post(f"/_sandbox/{path}", json={})).status_code == 403
        waiting = await account.pay("pm_card_threeDSecure2Required")
        assert (await account.browser.get(f"/_sandbox/3ds/{waiting.id}")).status_code == 200
    await sandbox.close()


async def test_several_clients_at_once_move_money_once() -> None:
    async with open_account() as account:
        intent = await account.intent()

        answers = await asyncio.gather(
            *(account.v1.payment_intents.confirm_async(intent.id, {}, {"idempotency_key": "k1"}) for _ in range(20)),
            *(account.v1.payment_intents.confirm_async(intent.id) for _ in range(5)),
            return_exceptions=True,
        )

        refused = [answer for answer in answers if isinstance(answer, stripe.InvalidRequestError)]
        assert {answer.code for answer in refused} == {"payment_intent_unexpected_state"}
        assert len(account.sandbox.snapshot().charges) == 1
