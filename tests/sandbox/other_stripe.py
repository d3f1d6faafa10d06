"""Another Stripe on loopback: the offline one behind a server, with seeded differences in its answers."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from sandbox import Sandbox

Json = dict[str, Any]


@dataclass
class Answered:
    """One answer on its way out: `method` and `path` are the request's, the rest may be changed."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: Json


Plant = Callable[[Answered], object]


@dataclass
class OtherStripe:
    """A running server, its requests, and its books."""

    base: str
    sandbox: Sandbox
    plant: Plant
    asked: list[tuple[str, str, httpx.Headers]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        headers = httpx.Headers(scope["headers"])
        self.asked.append((scope["method"], scope["path"], headers))
        async with httpx.AsyncClient(transport=self.sandbox.transport(), base_url="http://stripe") as inner:
            got = await inner.request(scope["method"], path, content=body, headers=_passed_on(headers))
        answer = Answered(scope["method"], scope["path"], got.status_code, dict(got.headers), got.json())
        waits = self.plant(answer)
        if asyncio.iscoroutine(waits):
            await waits
        content = json.dumps(answer.body).encode()
        answer.headers["content-length"] = str(len(content))
        raw = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


def _passed_on(headers: httpx.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("host", "content-length")}


def nothing(answer: Answered) -> None:
    """Change nothing."""


@asynccontextmanager
async def other_stripe(plant: Plant = nothing, **settings: str) -> AsyncIterator[OtherStripe]:
    """Serve one on loopback; `settings` are the account's."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = OtherStripe(f"http://127.0.0.1:{listener.getsockname()[1]}", Sandbox(None, settings=settings), plant)
    config = uvicorn.Config(served, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
        yield served
    finally:
        server.should_exit = True
        await serving
        await served.sandbox.close()
