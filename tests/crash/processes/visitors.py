"""Clients that read and write all the time, while the services below an application fail and recover."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpx

from tests.crash.processes.cluster import Application
from tests.support.shop import Json, key

REGISTER: Final = """mutation R($input: RegisterOrderInput!, $key: IdempotencyKey!) {
  registerOrder(input: $input, idempotencyKey: $key) { order { id } errors { code } } }"""
READ: Final = '{ order(externalId: "order-0") { id } }'


def order(number: int | str) -> Json:
    """Return the input that registers an order of the buyer, under a key of its own."""
    given = {"externalId": f"order-{number}", "total": {"amount": 10_000, "currency": "USD"}}
    return {"input": {**given, "customerExternalId": "buyer"}, "key": key()}


class Visitors:
    """Clients that read and write all the time; each answer with its time."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._number = 0
        self.answers: list[tuple[float, float, str, httpx.Response]] = []

    async def ask(self, what: str) -> httpx.Response:
        """Send one request, a "read" or a "write"."""
        self._number += 1
        began = time.monotonic()
        staff = self._application.staff
        asked = staff.post(REGISTER, order(self._number)) if what == "write" else staff.post(READ)
        answer = await asked
        self.answers.append((began, time.monotonic(), what, answer))
        return answer

    @asynccontextmanager
    async def coming(self, *, each: int) -> AsyncIterator[None]:
        """Run so many of each at once, each sending again as soon as it was answered."""
        tasks = [asyncio.create_task(self._again_and_again(what)) for what in ("read", "write") for _ in range(each)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _again_and_again(self, what: str) -> None:
        while True:
            await self.ask(what)
            await asyncio.sleep(0.05)

    def refused(self) -> list[httpx.Response]:
        """List the refused answers."""
        return [answer for *_, answer in self.answers if not is_good(answer)]

    def all_served_since(self, moment: float) -> Callable[[], Awaitable[bool]]:
        """Make a condition: enough requests since a moment were answered, and the last ones well."""

        async def met() -> bool:
            since = [answer for asked, _, _, answer in self.answers if asked > moment]
            return len(since) > 20 and all(is_good(answer) for answer in since[-20:])

        return met


def is_good(answer: httpx.Response) -> bool:
    """Return True for the expected answer."""
    return answer.status_code == 200 and "errors" not in answer.json()


def all_say_come_again(answers: list[httpx.Response]) -> None:
    """Check for 503, SERVICE_UNAVAILABLE and retryable: nothing was decided, and the request was valid."""
    for answer in answers:
        [error] = answer.json()["errors"]
        assert answer.status_code == 503, answer.json()
        assert error["extensions"]["reason"] == "SERVICE_UNAVAILABLE"
        assert error["extensions"]["retryable"] is True


async def until(met: Callable[[], Awaitable[bool]], seconds: float) -> float:
    """Wait until a condition holds; returns how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await met():
            await asyncio.sleep(0.05)
    return time.monotonic() - began


def many(visitors: Visitors, number: int) -> Callable[[], Awaitable[bool]]:
    """Make a condition: so many requests were answered."""

    async def met() -> bool:
        return len(visitors.answers) >= number

    return met


async def is_ready(application: Application) -> bool:
    """Return True when the application reports that its database is usable."""
    checks = (await application.http.get("/readyz")).json()["checks"]
    return bool(checks["database"]["ok"])


async def some_order(application: Application, name: str = "last") -> str:
    """Register an order that is yet to be paid; returns its id."""
    payload = await application.staff.do("registerOrder", **order(name))
    return str(payload["order"]["id"])
