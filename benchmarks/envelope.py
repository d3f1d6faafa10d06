"""What the envelope of a request costs: everything around the execution of a document, and nothing of it.

`python -m benchmarks.envelope` calls the guarded application in this process as uvicorn would, W1 in, one order's
status out, with the execution replaced by a ready answer; then the same exchange by hand, and each stage alone. It
prints one JSON line: CPU microseconds of each, the median of the rounds. Log lines go to standard error.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import orjson

from benchmarks.workloads import ORDER_STATUS
from domain.caller import Scope as Permission
from domain.ids import Kind, encode, new_id

SECRET: Final = "benchmark-secret-that-is-long-enough-for-hs256"  # noqa: S105 - of this process alone
CALLS: Final = 4_000
ROUNDS: Final = 9
SETTINGS: Final = {
    "ENVIRONMENT": "test",
    "AUTH_JWT_SECRET": SECRET,
    "LOG_FORMAT": "json",
    "BUYER_POINTS": "1000000000",
    "ADDRESS_POINTS": "1000000000",
}
USD: Final = "USD"
One = Callable[[], Awaitable[object]]


def _amount(minor: int) -> dict[str, object]:
    return {"amount": minor, "currency": USD}


def _answer_data() -> dict[str, object]:
    refund = {"id": encode(Kind.REFUND, new_id()), "status": "SUCCEEDED", "amount": _amount(100)}
    payment = {
        "id": encode(Kind.PAYMENT, new_id()),
        "status": "SUCCEEDED",
        "createdAt": "2026-11-24T06:00:00.000000Z",
        "amount": _amount(1_000),
        "amountCaptured": _amount(1_000),
        "amountRefunded": _amount(100),
        "refunds": [refund],
    }
    order = {
        "id": encode(Kind.ORDER, new_id()),
        "externalId": "order-1",
        "paymentStatus": "PARTIALLY_REFUNDED",
        "total": _amount(1_000),
        "amountPaid": _amount(1_000),
        "amountDue": _amount(0),
        "payments": {"nodes": [payment]},
    }
    return {"order": order}


class Exchange:
    """One request as uvicorn hands it over, and what comes back."""

    def __init__(self, token: str, body: bytes) -> None:
        self._body = body
        self._headers = [
            (b"host", b"127.0.0.1:8000"),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"authorization", b"Bearer " + token.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        self.sent: list[Any] = []

    def scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50_000),
            "scheme": "http",
            "method": "POST",
            "root_path": "",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "headers": list(self._headers),
            "state": {},
        }

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def with_(self, app: Any) -> None:
        self.sent = []
        await app(self.scope(), self.receive, self.send)


async def by_hand(scope: Any, receive: Any, send: Any, payload: bytes = b"") -> None:
    """The same exchange with nothing around it."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": payload})


async def _round(one: One, calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        await one()
    return (time.process_time() - started) / calls * 1e6


def _application(data: dict[str, object]) -> tuple[Any, Any]:
    """The guarded application, and its endpoint with the execution replaced by this answer."""
    os.environ.update(SETTINGS, PAYGRAPH_DIR=tempfile.mkdtemp())
    from server.app import create_app, guarded
    from server.asking import Answer
    from server.log import configure_logging
    from settings import Settings

    async def execution(*_: object) -> Answer:
        return Answer(status=200, body={"data": data}, headers={})

    settings = Settings.load()
    configure_logging(json=True)
    app = create_app(settings, run_worker=False)
    app.state.graphql._execute = execution
    return guarded(app, settings), app.state.graphql


def _stages() -> tuple[Exchange, dict[str, One]]:
    from server.asking import Answer, encoded
    from server.callers import sign_token
    from server.guards import guard
    from server.http_request import read_request

    data = _answer_data()
    whole, endpoint = _application(data)
    token = sign_token(SECRET, "buyer-1", [Permission.PAYMENTS_PAY], timedelta(hours=1))
    variables = {"id": encode(Kind.ORDER, new_id())}
    exchange = Exchange(token, orjson.dumps({"query": ORDER_STATUS, "variables": variables}))
    payload = orjson.dumps({"data": data})
    headers = list(exchange.scope()["headers"])
    authorization = [headers[3][1].decode()]

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await by_hand(scope, receive, send, payload)

    around = guard(bare, allowed_origins=(), https_only=False, max_body_bytes=1_000_000)

    async def rated() -> None:
        answer = await endpoint._execute()
        await endpoint._rates.told(await endpoint._rates.admit(ready, asking), answer)

    async def ready_again() -> None:
        endpoint.prepare(request, caller)

    async def encoding() -> None:
        encoded(Answer(status=200, body={"data": data}, headers={}), "req_1")

    async def addressing() -> None:
        endpoint.asking(exchange.scope(), caller, "req_1")

    stages: dict[str, One] = {
        "by hand": lambda: exchange.with_(bare),
        "whole": lambda: exchange.with_(whole),
        "guards and log line": lambda: exchange.with_(around),
        "endpoint": lambda: exchange.with_(endpoint),
        "token": lambda: endpoint.authenticate(authorization),
        "reading": lambda: read_request(exchange.scope(), exchange.receive, endpoint.limits),
        "document": ready_again,
        "address": addressing,
        "points": rated,
        "encoding": encoding,
    }
    caller = asyncio.run(endpoint.authenticate(authorization))
    request = asyncio.run(read_request(exchange.scope(), exchange.receive, endpoint.limits))
    ready = endpoint.prepare(request, caller)
    asking = endpoint.asking(exchange.scope(), caller, "req_1")
    return exchange, stages


async def _measure(exchange: Exchange, stages: dict[str, One]) -> dict[str, float]:
    await stages["whole"]()
    first, last = exchange.sent[0], exchange.sent[-1]
    if first["status"] != 200 or b'"cost"' not in last["body"]:
        raise SystemExit(f"not the answer that was to be measured: {first['status']} {last['body'][:300]!r}")
    taken: dict[str, list[float]] = {name: [] for name in stages}
    for one in stages.values():
        await _round(one, CALLS // 4)
    for _ in range(ROUNDS):
        for name, one in stages.items():
            taken[name].append(await _round(one, CALLS))
    return {name: round(statistics.median(times), 2) for name, times in taken.items()}


def main() -> None:
    """Measure and print."""
    import uvloop

    from server.memory import settle_memory

    exchange, stages = _stages()
    settle_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(_measure(exchange, stages))
    json.dump(figures, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
