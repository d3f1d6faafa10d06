"""The serving commands: their errors, their shutdown, and a Ctrl-C while they start."""

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.cli.commands import LONGEST_SECONDS, Running, free_port, run, started

PLACES: Final = ("imports", "data", "server", "opening")


@pytest.mark.parametrize("command", ["demo", "serve", "sandbox"])
async def test_a_port_that_is_taken_is_said_before_anything_is_begun(command: str, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = await run(command, "--port", str(port), PAYGRAPH_DIR=str(home / "state"))

    assert (ended.code, ended.out) == (2, "")
    by_make = f", or PORT={port + 1} make demo" if command == "demo" else ""
    assert ended.err == f"Port {port} is taken. Choose another one: --port {port + 1}{by_make}\n"
    assert [path.name for path in (home / "state").iterdir()] == [".paygraph.lock"]


async def test_two_at_one_port_do_not_share_it(home: Path) -> None:
    """`SO_REUSEADDR` lets both bind: only one may listen, and the other one reports it."""
    port = str(free_port())
    async with started("sandbox", "--port", port, environment={"PAYGRAPH_DIR": str(home / "a")}) as first:
        await first.said("The offline Stripe answers")

        second = await run("sandbox", "--port", port, PAYGRAPH_DIR=str(home / "b"))

    assert (second.code, second.err) == (2, f"Port {port} is taken. Choose another one: --port {int(port) + 1}\n")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_says_where_it_listens_and_stops_when_told(workers: str, database_url: str, home: Path) -> None:
    port = free_port()
    environment = {"PAYGRAPH_DIR": str(home / "state"), "DATABASE_URL": database_url, "LOG_FORMAT": "json"}
    command = ("serve", "--port", str(port), "--workers", workers)
    async with started(*command, environment=environment) as server:
        await _answers(port)
        server.process.send_signal(signal.SIGTERM)
        ended = await server.ended()

    assert ended.code == 0, ended.err
    assert '"event":"server.listening"' in ended.err
    assert f'"port":{port}' in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_bounds_connections_as_its_settings_say(workers: str, database_url: str, home: Path) -> None:
    port = free_port()
    environment = {"PAYGRAPH_DIR": str(home / "state"), "DATABASE_URL": database_url, "HEADER_SECONDS": "0.2"}
    async with started("serve", "--port", str(port), "--workers", workers, environment=environment):
        await _answers(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: sh")
        async with asyncio.timeout(8):  # without the setting it would take ten seconds
            answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_a_worker_stops_when_told(database_url: str, home: Path) -> None:
    environment = {"PAYGRAPH_DIR": str(home / "state"), "DATABASE_URL": database_url}
    async with started("worker", environment=environment) as worker:
        await _until(worker, (home / "state" / "stripe.sqlite3").exists)
        worker.signal(signal.SIGINT)
        ended = await worker.ended()

    assert (ended.code, "Traceback" in ended.err) in ((0, False), (130, False)), ended.err


@pytest.mark.parametrize("place", PLACES)
async def test_ctrl_c_while_it_starts_leaves_no_trace(place: str, home: Path) -> None:
    """And the next start succeeds."""
    state = home / "state"
    environment = {"PAYGRAPH_DIR": str(state), "PORT": str(free_port())}
    async with started("demo", environment=environment) as demo:
        mapped = Path(f"/proc/{demo.process.pid}/maps")
        reached: dict[str, Callable[[], bool]] = {
            "imports": lambda: "pydantic_core" in mapped.read_text(),
            "data": lambda: any(state.rglob("PG_VERSION")) or (state / "postgres.begun").exists(),
            "server": lambda: any(state.rglob("postmaster.pid")),
            "opening": (state / "webhook_secret").exists,
        }
        await _until(demo, reached[place])
        demo.signal(signal.SIGINT)
        ended = await demo.ended()

    assert ended.code in (130, -signal.SIGINT)
    assert ended.err in ("Interrupted.\n", "")
    assert "Traceback" not in ended.out
    async with started("demo", environment=environment) as again:
        await again.said("Operations to copy")
    assert (await run("reset", **environment)).code == 0
    assert not state.exists()


async def _until(running: Running, reached: Callable[[], bool]) -> None:
    """Wait until a process has reached a point."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not reached():
            assert running.process.returncode is None, await running.ended()
            await asyncio.sleep(0.005)


async def _answers(port: int) -> None:
    async with asyncio.timeout(LONGEST_SECONDS), httpx.AsyncClient() as http:
        while True:
            try:
                assert (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return
