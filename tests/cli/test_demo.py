"""The demo, as seen by a person who runs `make demo`."""

import json
import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from database.connection import parse_url
from services.money.operations.claims import KEY_LIFE
from tests.cli.commands import free_port, run, started

PRINTED: Final = '→ {"order": '  # the beginning of the last answer that it prints


@dataclass(frozen=True, slots=True)
class Printed:
    """An operation to copy: its title, the request of its `curl`, and the printed answer."""

    title: str
    url: str
    headers: Mapping[str, str]
    body: str
    answer: dict[str, Any]

    async def send(self) -> dict[str, Any]:
        """Send it, and return the answer."""
        async with httpx.AsyncClient() as http:
            response = await http.post(self.url, headers=dict(self.headers), content=self.body)
        answer: dict[str, Any] = response.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data


def _printed(said: str) -> list[Printed]:
    """Parse the operations that a demo printed, as a shell would."""
    found = []
    for part in said.split("\n# ")[1:]:
        title, _, rest = part.partition("\n")
        command, _, answer = rest.partition("\n  → ")
        words = shlex.split(command.replace("\\\n", " "))
        assert (words[:2], words[3::2]) == (["curl", "-s"], ["-H", "-H", "-d"])
        headers = dict(word.split(": ", 1) for word in (words[4], words[6]))
        found.append(Printed(title, words[2], headers, words[8], json.loads(answer.splitlines()[0])))
    return found


def _without_replayed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: {**field, "replayed": None} if "replayed" in field else field for name, field in answer.items()}


async def _assert_the_examples_work(said: str, *, number: str) -> None:
    """Check that each example still answers as printed, and that the payment has not happened twice."""
    register, pay, refund, status = _printed(said)
    assert json.loads(register.body)["variables"]["input"]["externalId"] == f"demo-{number}"
    assert pay.answer["createPayment"]["payment"]["amount"] == {"decimal": "25.99", "currency": "USD"}
    assert refund.answer["refundPayment"]["payment"] == {"amountRefundable": {"decimal": "20.00"}}

    for one in (pay, refund, status):
        again = await one.send()
        assert _without_replayed(again) | {"createPayment": None} == _without_replayed(one.answer) | {
            "createPayment": None
        }
    registered, paid = await register.send(), await pay.send()

    assert registered["registerOrder"]["order"]["id"] == register.answer["registerOrder"]["order"]["id"]
    assert (paid["createPayment"]["replayed"], paid["createPayment"]["errors"]) == (True, [])
    payments = (await status.send())["order"]["payments"]["nodes"]
    assert [one["status"] for one in payments] == ["SUCCEEDED"]


async def test_it_starts_stops_goes_on_and_is_forgotten(home: Path) -> None:
    """With the embedded database: Ctrl-C keeps the data, a second start replays, a reset waits its turn."""
    environment = {"PAYGRAPH_DIR": str(home / "state"), "PORT": str(free_port())}
    async with started("demo", environment=environment) as demo:
        first = await demo.said(PRINTED)
        await _assert_the_examples_work(first, number="1001")
        refused = await run("reset", **environment)
        demo.signal(signal.SIGINT)
        stopped = await demo.ended()
    async with started("demo", environment=environment) as demo:
        second = await demo.said(PRINTED)
        await _assert_the_examples_work(second, number="1001")
        demo.signal(signal.SIGTERM)
        terminated = await demo.ended()
    done = await run("reset", **environment)

    assert "in use" in refused.err
    assert (stopped.code, stopped.err) == (0, "")
    assert stopped.out.endswith(f"\nStopped. The data stays under {home}/state; `python -m cli reset` forgets it.\n")
    assert [one.answer["createPayment"]["replayed"] for one in (_printed(first)[1], _printed(second)[1])] == [
        False,
        True,
    ]
    assert (terminated.code, terminated.err) == (0, "")
    assert (done.code, done.out) == (0, f"Forgot the demo's data under {home}/state.\n")
    assert not (home / "state").exists()


async def _age(url: str, days: int) -> None:
    """Move every moment of every row into the past, as if that many days had gone by."""
    connection = await asyncpg.connect(**parse_url(url))
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # the trail refuses to be changed
            columns = await connection.fetch(
                "SELECT table_name, column_name FROM information_schema.columns JOIN pg_class ON relname = table_name"
                " WHERE table_schema = 'public' AND data_type LIKE 'timestamp%' AND relkind = 'r'"
                " AND table_name NOT IN ('payment_event', 'aerich')"
            )
            for table, column in columns:
                await connection.execute(f'UPDATE "{table}" SET "{column}" = "{column}" - interval \'{days} days\'')
    finally:
        await connection.close()


async def test_a_demo_that_is_older_than_its_keys_starts_again(database_url: str, home: Path) -> None:
    """Nothing is replayed any more, so it continues with new orders; two months later as well."""
    environment = {
        "PAYGRAPH_DIR": str(home / "state"),
        "PORT": str(free_port()),
        "DATABASE_URL": database_url,
    }
    for number in ("1001", "2001", "3001"):
        async with started("demo", environment=environment) as demo:
            await _assert_the_examples_work(await demo.said(PRINTED), number=number)
            demo.signal(signal.SIGINT)
            ended = await demo.ended()

        assert (ended.code, ended.err) == (0, "")
        await _age(database_url, KEY_LIFE.days + 1)


async def test_it_says_what_it_stands_on(database_url: str, home: Path) -> None:
    """With a key of Stripe's it is not the offline one; another offline one stands for Stripe here."""
    port = free_port()
    sandbox = {"PAYGRAPH_DIR": str(home / "stripe")}
    environment = {
        "PAYGRAPH_DIR": str(home / "state"),
        "PORT": str(free_port()),
        "DATABASE_URL": database_url,
        "STRIPE_SECRET_KEY": "sk_test_demo",
        "STRIPE_WEBHOOK_SECRETS": "whsec_demo",
        "STRIPE_API_BASE": f"http://127.0.0.1:{port}",
    }
    async with started("sandbox", "--port", str(port), environment=sandbox) as stripe:
        await stripe.said(f"The offline Stripe answers on http://127.0.0.1:{port} ")
        async with started("demo", environment=environment) as demo:
            said = await demo.said(PRINTED)
            await _assert_the_examples_work(said, number="1001")

    assert "  Database   the one that DATABASE_URL names\n" in said
    assert "  Stripe     whatever answers at STRIPE_API_BASE\n" in said


async def test_it_refuses_what_it_cannot_do(home: Path) -> None:
    state = {"PAYGRAPH_DIR": str(home / "state")}

    ended = await run("demo", **state, AUTH_JWKS_URL="https://id.example/keys")

    assert (ended.code, ended.err) == (2, "The demo signs its own tokens: unset AUTH_JWKS_URL.\n")
