"""Real connections that fail in every way: failures known not to have reached Stripe, and unknown ones."""

import asyncio
import gzip
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import certifi
import pytest

from provider import Outcome, Provider
from provider.connection import transport as transports
from tests.provider.stripe_says import KEY
from tests.provider.wire import BODY, Behaviour, Line, answering, certificate, confirming, whole, wire

SOON = 0.2  # a time limit that the test waits for
PARTS = [len(whole()) - 1, len(whole()) - len(BODY), 20, 1]


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run the server on uvloop, whose errors are not always asyncio's."""
    return "asyncio", {"use_uvloop": request.param}


async def outcome(behave: Behaviour, timeout_seconds: float = 5.0) -> Outcome | None:
    """Confirm a payment and return the outcome; the request was sent once, over one connection."""
    async with wire(behave) as stripe:
        provider = stripe.provider(timeout_seconds)
        found = await confirming(provider)
        await provider.close()
        assert len(stripe.requests) == len(stripe.lines) == 1
        return found


# -- nothing was sent ------------------------------------------------------------------------------------------------


async def test_a_refused_connection_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    provider = Provider(secret_key=KEY, livemode=False, api_base=f"http://127.0.0.1:{port}")

    assert await confirming(provider) is Outcome.UNREACHABLE
    await provider.close()


async def _unknown_name(*_: object, **__: object) -> list[Any]:
    raise OSError(None, "DNS lookup failed")


async def _gaierror(*_: object, **__: object) -> list[Any]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def _no_answer(*_: object, **__: object) -> list[Any]:
    await asyncio.sleep(60)
    return []


@pytest.mark.parametrize("resolve", [_unknown_name, _gaierror, _no_answer])
async def test_a_name_that_cannot_be_looked_up_sent_nothing(
    resolve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    provider = Provider(secret_key=KEY, livemode=False, api_base="https://stripe.invalid", timeout_seconds=SOON)

    assert await confirming(provider) is Outcome.UNREACHABLE
    await provider.close()


async def test_a_handshake_without_an_answer_sent_nothing() -> None:
    heard = bytearray()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    base = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = Provider(secret_key=KEY, livemode=False, api_base=base, timeout_seconds=SOON)

    assert await confirming(provider) is Outcome.UNREACHABLE
    await provider.close()
    server.close()
    assert heard
    assert KEY.encode() not in heard


@pytest.mark.parametrize("goodbye", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["closed", "not TLS"])
async def test_a_handshake_that_breaks_sent_nothing(goodbye: bytes) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(goodbye)
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    base = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = Provider(secret_key=KEY, livemode=False, api_base=base, timeout_seconds=5)

    assert await confirming(provider) is Outcome.UNREACHABLE
    await provider.close()
    server.close()


async def test_no_free_connection_in_time_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "MOST_CONNECTIONS", 1)
    busy = asyncio.Event()

    async def slowly(line: Line, request: bytes) -> None:
        busy.set()
        await asyncio.sleep(60)

    async with wire(slowly) as stripe:
        provider = stripe.provider()
        first = asyncio.create_task(confirming(provider))
        await busy.wait()
        monkeypatch.setattr(provider._http, "_timeout_seconds", SOON)

        assert await confirming(provider) is Outcome.UNREACHABLE
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await provider.close()
        assert len(stripe.requests) == 1


# -- TLS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "trusted", "expected"),
    [
        ("127.0.0.1", True, None),
        ("127.0.0.1", False, Outcome.UNREACHABLE),
        ("127.0.0.2", True, Outcome.UNREACHABLE),
    ],
    ids=["right", "nobody's", "another's"],
)
async def test_only_stripe_itself_is_sent_anything(
    address: str, trusted: bool, expected: Outcome | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = certificate(tmp_path, address)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))  # the environment does not decide whom we trust
    if trusted:
        monkeypatch.setattr(certifi, "where", lambda: str(authority))

    async with wire(tls=context) as stripe:
        provider = stripe.provider()
        assert await confirming(provider) is expected
        await provider.close()
        assert len(stripe.requests) == (expected is None)


async def test_over_tls_a_connection_that_breaks_leaves_it_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setattr(certifi, "where", lambda: str(authority))

    async def reset(line: Line, request: bytes) -> None:
        line.reset()

    async with wire(reset, tls=context) as stripe:
        provider = stripe.provider()
        assert await confirming(provider) is Outcome.UNKNOWN
        await provider.close()
        assert len(stripe.requests) == 1


# -- after the request was sent: unknown -------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, *PARTS])
async def test_scenario_10_an_answer_that_stops_leaves_it_unknown(length: int) -> None:
    async def stop(line: Line, request: bytes) -> None:
        await line.say(whole()[:length])
        await asyncio.sleep(60)

    assert await outcome(stop, SOON) is Outcome.UNKNOWN


@pytest.mark.parametrize("length", [0, *PARTS])
async def test_scenario_10_a_connection_that_closes_leaves_it_unknown(length: int) -> None:
    async def close(line: Line, request: bytes) -> bool:
        await line.say(whole()[:length])
        return True

    assert await outcome(close) is Outcome.UNKNOWN


@pytest.mark.parametrize("length", [0, *PARTS])
async def test_scenario_10_a_connection_that_breaks_leaves_it_unknown(length: int) -> None:
    async def reset(line: Line, request: bytes) -> bool:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, for no time: a reset instead of a clean close
        line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await line.say(whole()[:length])
        await asyncio.sleep(0.02)
        line.reset()
        return True

    assert await outcome(reset) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x16\x03\x01\x00\x05" * 10,
        whole(b"not gzip", b"content-encoding: gzip"),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}    ",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
        whole(BODY, b"x: " + b"y" * 200_000),
        whole(b"", b"location: http://127.0.0.1:1/", status=b"302 Found"),
        whole(b"", b"location: http://127.0.0.1:1/", status=b"307 Temporary Redirect"),
    ],
    ids=range(10),
)
async def test_an_answer_that_is_none_leaves_it_unknown(answer: bytes) -> None:
    async def say(line: Line, request: bytes) -> bool:
        await line.say(answer)
        return True

    assert await outcome(say) is Outcome.UNKNOWN


async def test_a_request_that_cannot_be_written_is_a_failure_like_others() -> None:
    async with wire() as stripe:
        provider = stripe.provider(key="sk_test_1\r\nx: y")
        assert await confirming(provider) is Outcome.UNKNOWN
        await provider.close()
        assert stripe.requests == []


# -- keep-alive --------------------------------------------------------------------------------------------------------


async def test_a_connection_is_kept_and_closed_with_the_provider() -> None:
    async with wire() as stripe:
        provider = stripe.provider()
        assert [await confirming(provider) for _ in range(3)] == [None] * 3
        assert len(stripe.lines) == 1

        await provider.close()
        async with asyncio.timeout(5):
            while not stripe.ended:
                await asyncio.sleep(0.005)


async def test_a_connection_that_was_closed_while_idle_is_not_used() -> None:
    async def once(line: Line, request: bytes) -> bool:
        await line.say(whole())
        return True

    async with wire(once) as stripe:
        provider = stripe.provider()
        for _ in range(3):
            assert await confirming(provider) is None
            async with asyncio.timeout(5):
                while len(stripe.ended) < len(stripe.lines):
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.02)  # the close arrives
        await provider.close()
        assert len(stripe.lines) == len(stripe.requests) == 3


async def test_a_connection_is_not_kept_longer_than_servers_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "IDLE_SECONDS", 0.05)
    async with wire() as stripe:
        provider = stripe.provider()
        assert await confirming(provider) is None
        await asyncio.sleep(0.1)
        assert await confirming(provider) is None
        await provider.close()
        assert len(stripe.lines) == 2


@pytest.mark.parametrize("call", ["confirm", "retrieve"])
async def test_a_kept_connection_that_breaks_under_a_request_is_not_tried_again(call: str) -> None:
    async def breaking(line: Line, request: bytes) -> bool:
        if len(stripe.requests) == 1:
            await line.say(whole())
            return False
        return True  # closed with the request in it: the effect is unknown

    async with wire(breaking) as stripe:
        provider = stripe.provider()
        assert await confirming(provider) is None
        if call == "confirm":
            assert await confirming(provider) is Outcome.UNKNOWN
        else:
            with pytest.raises(Exception, match="UNKNOWN"):
                await provider.retrieve_payment("pi_1")
        await provider.close()
        assert len(stripe.requests) == 2
        assert len(stripe.lines) == 1


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
async def test_a_late_answer_is_not_the_next_ones(how: str) -> None:
    late = asyncio.Event()

    async def answer(line: Line, request: bytes) -> None:
        if len(stripe.requests) == 1:
            await line.say(whole()[:40])
            late.set()
            await asyncio.sleep(3 * SOON)
        await line.say(whole()[40:] if line.number == 1 else whole())

    async with wire(answer) as stripe:
        provider = stripe.provider(SOON)
        first = asyncio.create_task(confirming(provider))
        await late.wait()
        if how == "cancelled":
            first.cancel()
        await asyncio.wait([first])

        assert await confirming(provider) is None
        assert first.cancelled() or first.result() is Outcome.UNKNOWN
        await provider.close()
        assert len(stripe.lines) == 2


async def test_calls_at_once_have_their_own_answers() -> None:
    async def echo(line: Line, request: bytes) -> None:
        identity = request.split(b"/v1/payment_intents/")[1].split(b"?")[0].split(b" ")[0]
        await asyncio.sleep(0.01)
        await line.say(whole(BODY.replace(b'"pi_1"', b'"%s"' % identity)))

    async with wire(echo) as stripe:
        provider = stripe.provider()
        names = [f"pi_{number}" for number in range(200)]
        found = await asyncio.gather(*(provider.retrieve_payment(name) for name in names))
        await provider.close()
        assert [one.id for one in found] == names
        assert len(stripe.lines) == transports.MOST_CONNECTIONS


# -- the bytes of a request --------------------------------------------------------------------------------------------


async def test_what_is_sent_is_what_the_library_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # nothing listens there

    async def set_cookie(line: Line, request: bytes) -> None:
        await line.say(whole(BODY, b"set-cookie: a=b; path=/"))

    async with wire(set_cookie) as stripe:
        provider = stripe.provider()
        assert [await confirming(provider) for _ in range(2)] == [None, None]
        await provider.retrieve_payment("pi_1")
        await provider.close()

    posted, again, got = stripe.requests
    assert posted == again  # to the byte; no cookie
    head, _, body = posted.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert first == "POST /v1/payment_intents/pi_1/confirm HTTP/1.1"
    assert body == b"expand[0]=latest_charge&expand[1]=payment_method&payment_method=pm_1"
    assert headers["idempotency-key"] == "k"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["accept-encoding"] == "gzip, deflate"
    assert len(lines) == len(headers)
    query = b"/v1/payment_intents/pi_1?expand[0]=latest_charge.balance_transaction&expand[1]=payment_method"
    assert got.split(b" ")[1] == query


async def test_a_packed_answer_is_read() -> None:
    async def packed(line: Line, request: bytes) -> None:
        await line.say(whole(gzip.compress(BODY), b"content-encoding: gzip"))

    assert await outcome(packed) is None


async def test_a_long_header_is_read() -> None:
    async def long(line: Line, request: bytes) -> None:
        await line.say(whole(BODY, b"content-security-policy: " + b"x" * 30_000))

    assert await outcome(long) is None


async def test_an_answer_without_a_length_is_read_to_its_end() -> None:
    async def unmeasured(line: Line, request: bytes) -> bool:
        await line.say(b"HTTP/1.1 200 OK\r\nrequest-id: req_1\r\n\r\n" + BODY)
        return True

    assert await outcome(unmeasured) is None


async def test_stripe_is_well() -> None:
    assert await outcome(answering) is None
