"""Stripe's webhook endpoint as ASGI: requests refused before the signature is checked, and requests never completed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from services.inbox.inbox import Endpoint
from webhooks import routes
from webhooks.handlers import HANDLED
from webhooks.routes import MAX_BODY_BYTES, StripeWebhooks

JSON = (b"content-type", b"application/json")


async def answer(*messages: dict[str, Any], headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, bytes]:
    """Return the answer to a request whose body comes in these messages, and after them nothing."""
    endpoint = StripeWebhooks(secrets=["whsec_x"], endpoint=Endpoint(livemode=False, account=None, types=HANDLED))
    coming: Iterator[dict[str, Any]] = iter(messages)
    sent: list[Any] = []

    async def receive() -> Any:
        message = next(coming, None)
        return message if message is not None else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await endpoint(
        {"type": "http", "method": "POST", "headers": headers if headers is not None else [JSON]}, receive, send
    )
    start, body = sent
    assert dict(start["headers"]) == {
        b"cache-control": b"no-store",
        b"content-type": b"text/plain; charset=utf-8",
        b"content-length": str(len(body["body"])).encode(),
    }
    return start["status"], body["body"]


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_parts_is_read_to_its_end() -> None:
    whole = await answer(part(b"{}"))
    parts = await answer(part(b"", more=True), part(b"{", more=True), {"type": "http.request", "body": b"}"})

    assert whole == parts == (400, b"header missing or malformed")


async def test_a_body_that_stalls_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "READ_SECONDS", 0.01)

    assert (await answer(part(b"{", more=True)))[0] == 408


async def test_a_sender_that_leaves_is_a_400() -> None:
    status, _ = await answer(part(b"{", more=True), {"type": "http.disconnect"})

    assert status == 400


@pytest.mark.parametrize("size", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1])
@pytest.mark.parametrize("more", [False, True])
async def test_a_body_beyond_the_cap_is_a_413_before_its_end(size: int, more: bool) -> None:
    is_too_large = size > MAX_BODY_BYTES
    end = [] if is_too_large else [part(b"")]

    status, _ = await answer(part(b" " * size, more=more), *end)

    assert status == (413 if is_too_large else 400)


@pytest.mark.parametrize("declared", [b"1048577", b"9" * 18, b"9" * 19, b"9" * 5_000])
async def test_a_declared_length_beyond_the_cap_is_a_413_without_reading(declared: bytes) -> None:
    assert (await answer(headers=[JSON, (b"content-length", declared)]))[0] == 413


@pytest.mark.parametrize("declared", [b"1048576", b"", b"-1", b"x", "²".encode("latin-1")])
async def test_any_other_declared_length_is_left_to_the_counting(declared: bytes) -> None:
    assert (await answer(part(b"{}"), headers=[JSON, (b"content-length", declared)]))[0] == 400


@pytest.mark.parametrize(
    "kind", [b"", b"text/plain", b"application/jsonp", b"application/x-www-form-urlencoded", b"\xff"]
)
async def test_what_is_not_said_to_be_json_is_a_415(kind: bytes) -> None:
    assert (await answer(part(b"{}"), headers=[(b"content-type", kind)]))[0] == 415
    assert (await answer(part(b"{}"), headers=[(b"content-type", kind), JSON]))[0] == 415


@pytest.mark.parametrize("kind", [b"application/json", b"Application/JSON; charset=utf-8", b" application/json ;x"])
async def test_what_is_said_to_be_json_is_read(kind: bytes) -> None:
    assert (await answer(part(b"{}"), headers=[(b"content-type", kind)]))[0] == 400


async def test_a_signature_of_other_bytes_than_ascii_is_a_400() -> None:
    assert (await answer(part(b"{}"), headers=[JSON, (b"stripe-signature", b"t=1,v1=\xfc")]))[0] == 400
