"""A call has one total limit, and the first byte of a call that moves money leaves before its deadline or never."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import certifi
import pytest

from domain.deadlines import NEVER, PAST, Deadline
from provider import Outcome, Provider, ProviderFailure
from provider.connection import transport as transports
from provider.connection.breaker import OPEN_AFTER
from provider.failures import TOO_LATE
from tests.provider.wire import Line, certificate, confirming, whole, wire

LIMIT = 0.4  # of one call
PIECE_SECONDS = LIMIT / 4  # between two bytes: silence alone never lasts as long as the limit
LATEST = LIMIT * 4  # on a slow machine
Call = Callable[[Provider], Awaitable[object]]


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


async def _trickle(line: Line, request: bytes) -> None:
    for byte in whole():
        await line.say(bytes([byte]))
        await asyncio.sleep(PIECE_SECONDS)


async def _trickle_the_body(line: Line, request: bytes) -> None:
    head, _, body = whole().partition(b"\r\n\r\n")
    await line.say(head + b"\r\n\r\n")
    for byte in body:
        await line.say(bytes([byte]))
        await asyncio.sleep(PIECE_SECONDS)


CALLS: dict[str, Call] = {
    "confirm": lambda provider: provider.confirm_payment("pi_1", {}, key="k", until=NEVER),
    "refund": lambda provider: provider.create_refund({"payment_intent": "pi_1"}, key="k", until=NEVER),
    "look": lambda provider: provider.retrieve_payment("pi_1"),
    "list": lambda provider: provider.list_refunds("pi_1"),
}


@pytest.mark.parametrize("behave", [_trickle, _trickle_the_body])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_an_answer_that_trickles_is_given_up_at_the_limit_and_nobody_knows(
    call: Call, behave: Callable[[Line, bytes], Awaitable[None]]
) -> None:
    async with wire(behave) as stripe:
        provider = stripe.provider(LIMIT)
        began = time.monotonic()
        with pytest.raises(ProviderFailure) as failure:
            await call(provider)
        took = time.monotonic() - began
        await provider.close()

    assert failure.value.outcome is Outcome.UNKNOWN
    assert failure.value.is_no_answer
    assert LIMIT * 0.9 < took < LATEST
    assert len(stripe.requests) == 1


async def test_a_probe_that_trickles_keeps_the_circuit_open_no_longer_than_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def behave(line: Line, request: bytes) -> bool:
        if len(stripe.requests) <= OPEN_AFTER:
            return True  # disconnected without an answer
        if len(stripe.requests) == OPEN_AFTER + 1:
            await _trickle(line, request)
        await line.say(whole())
        return False

    monkeypatch.setattr("provider.connection.breaker.FIRST_OPEN_SECONDS", 0.05)
    async with wire(behave) as stripe:
        provider = stripe.provider(LIMIT)
        for _ in range(OPEN_AFTER):
            assert await confirming(provider) is Outcome.UNKNOWN
        began = time.monotonic()
        async with asyncio.timeout(LATEST * 2):
            while provider.breaker_open_seconds > 0 or await confirming(provider) is not None:
                await asyncio.sleep(0.01)
        took = time.monotonic() - began
        await provider.close()

    assert LIMIT * 0.9 < took < LATEST


@pytest.mark.parametrize("is_kept", [False, True], ids=["new connection", "kept connection"])
async def test_past_its_deadline_nothing_is_sent(is_kept: bool) -> None:
    async with wire() as stripe:
        provider = stripe.provider()
        if is_kept:
            assert await confirming(provider) is None
        before = list(stripe.requests)
        acts = [
            provider.create_payment({}, key="k", until=PAST),
            provider.confirm_payment("pi_1", {}, key="k", until=PAST),
            provider.capture_payment("pi_1", {}, key="k", until=PAST),
            provider.cancel_payment("pi_1", {}, key="k", until=PAST),
            provider.create_refund({}, key="k", until=PAST),
        ]
        failures = await asyncio.gather(*acts, return_exceptions=True)
        rest = provider.breaker_open_seconds
        assert await confirming(provider) is None  # and the next request is not affected
        await provider.close()

    assert stripe.requests[:-1] == before
    assert rest == 0  # Stripe was not reached, so five of these open no circuit
    for failure in failures:
        assert isinstance(failure, ProviderFailure)
        assert (failure.outcome, failure.code, failure.is_no_answer) == (Outcome.UNREACHABLE, TOO_LATE, False)


@pytest.mark.parametrize("clock", ["elapsed", "wall"])
async def test_either_clock_ends_a_deadline(clock: str) -> None:
    far = Deadline.within(60)
    near = Deadline.within(-1)
    until = Deadline(near.elapsed, far.wall) if clock == "elapsed" else Deadline(far.elapsed, near.wall)

    async with wire() as stripe:
        provider = stripe.provider()
        assert await confirming(provider, until=until) is Outcome.UNREACHABLE
        assert await confirming(provider, until=far) is None
        await provider.close()

    assert len(stripe.requests) == 1


async def test_a_deadline_that_ends_while_waiting_for_a_connection_is_looked_at_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transports, "MOST_CONNECTIONS", 1)
    busy, over = asyncio.Event(), asyncio.Event()

    async def behave(line: Line, request: bytes) -> None:
        busy.set()
        await over.wait()
        await line.say(whole())

    async with wire(behave) as stripe:
        provider = stripe.provider()
        first = asyncio.create_task(confirming(provider))
        await busy.wait()
        until = Deadline.within(0.05)
        second = asyncio.create_task(confirming(provider, until=until))
        while not until.is_over:
            await asyncio.sleep(0.01)
        over.set()

        assert await first is None
        assert await second is Outcome.UNREACHABLE
        await provider.close()

    assert len(stripe.requests) == 1


async def test_a_deadline_that_ends_during_the_handshake_is_looked_at_afterwards(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel accepts the connection at once; TLS is answered when the deadline is over."""
    context, authority = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setattr(certifi, "where", lambda: str(authority))
    until = Deadline.within(0.3)
    relayed: set[asyncio.Task[None]] = set()

    async with wire(tls=context) as stripe:

        async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while not until.is_over:
                await asyncio.sleep(0.01)
            onwards, back = await asyncio.open_connection("127.0.0.1", stripe.port)
            for source, target in ((reader, back), (onwards, writer)):
                relayed.add(asyncio.create_task(_relay(source, target)))

        gate = await asyncio.start_server(slowly, "127.0.0.1", 0)
        base = f"https://127.0.0.1:{gate.sockets[0].getsockname()[1]}"
        provider = Provider(secret_key="sk_test_1", livemode=False, api_base=base)

        with pytest.raises(ProviderFailure) as failure:
            await provider.confirm_payment("pi_1", {}, key="k", until=until)
        assert await confirming(provider) is None
        await provider.close()
        gate.close()
        await asyncio.gather(*relayed)

    assert failure.value.code == TOO_LATE
    assert len(stripe.requests) == 1


async def _relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65_536):
        target.write(chunk)
    target.close()
