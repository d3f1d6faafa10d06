"""Storms: clients, kills, faults and webhooks, all random from one seed."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from sandbox.deliveries import sign
from tests.attack.world import Memory, paying, refunding
from tests.crash.processes.cluster import Application, Cluster
from tests.support.payer_tokens import confirmation_token
from tests.support.shop import WEBHOOK_SECRET, Client, Json, key

CLIENTS = 4
METHODS = (
    *("pm_card_visa",) * 5,
    "pm_card_chargeDeclined",
    "pm_card_threeDSecure2Required",
    "pm_card_chargeDeclinedProcessingError",
)
FAULTS = (
    "drop_before",
    "drop_after",
    "timeout_before",
    "timeout_after",
    "error_500_before",
    "error_500_after",
    "conflict_409",
    "rate_limit_429",
    "lock_timeout_429",
    "unauthorized_401",
    "broken_json",
    "slow",
    "hold_before",
    "hold_after",
)
PLACES = (
    "/v1/payment_intents",
    "/v1/payment_intents/[^/]+/confirm",
    "/v1/payment_intents/[^/]+/capture",
    "/v1/payment_intents/[^/]+/cancel",
    "/v1/refunds",
    "/v1/payment_intents/[^/]+",
    ".*",
)
CLOCKS = ((), (), ("behind",), ("ahead",))  # of a replica's machine: right, 90 seconds behind, 300 seconds ahead
PACE: Json = {
    "lease_seconds": 2.5,
    "stripe_timeout_seconds": 0.8,
    "request_budget_seconds": 1.0,
    "unknown_grace_seconds": 0.5,
    "worker_webhooks": True,
}


class Storm:
    """One storm over one cluster."""

    def __init__(self, cluster: Cluster, seed: int, *, variants: Sequence[str] = ()) -> None:
        self.memory = Memory()
        self._cluster = cluster
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - a seeded storm, not a secret
        self._variants = ["hurried", *variants]
        self._running: list[Application | None] = [None] * self._random.choice((1, 2))
        self._unsettled: dict[tuple[str, str, str], Json] = {}
        self._payments: list[str] = []
        self._shared: list[str] = []  # orders that may be paid by several payments
        self._seen = Counter[str]()
        self._over = asyncio.Event()

    def story(self) -> str:
        """Tell the story of the storm, for the reader of a failure."""
        return f"seed {self._seed}, {len(self._running)} replicas, {dict(self._seen)}"

    async def rage(self, seconds: float) -> None:
        """Run everything for this many seconds."""
        self._over.clear()
        async with asyncio.TaskGroup() as group:
            for number in range(len(self._running)):
                group.create_task(self._replica(number, random.Random(self._seed * 10 + number)))  # noqa: S311 - as above
            for number in range(CLIENTS):
                group.create_task(self._client(random.Random(self._seed * 100 + number)))  # noqa: S311 - as above
            group.create_task(self._faults())
            group.create_task(self._webhooks())
            group.create_task(self._network())
            await asyncio.sleep(seconds)
            self._over.set()
        self._cluster.sandbox.clear_faults()
        self._cluster.proxy.armed = False
        self._cluster.proxy.pass_on()

    @asynccontextmanager
    async def calm(self) -> AsyncIterator[Application]:
        """Open one replica that is left undisturbed."""
        async with self._cluster.application(worker=True, variants=self._variants, **PACE) as application:
            yield application

    async def finish(self, application: Application) -> None:
        """Let every client repeat its key until it has its answer, and let Stripe send its undelivered events."""
        for event in self._cluster.sandbox.snapshot().events:
            await _deliver(application.http, event)
        for (caller, mutation, used), variables in list(self._unsettled.items()):
            await self.memory.settled(
                lambda c=caller: application.buyer if c == "buyer" else application.staff,  # type: ignore[misc]  # late binding
                caller,
                mutation,
                used,
                **variables,
            )

    # -- replicas --------------------------------------------------------------------------------------------------

    async def _replica(self, number: int, dice: random.Random) -> None:
        """Start with a clock of its own, serve, freeze at times, die at a random statement or moment; repeat."""
        while not self._over.is_set():
            clock = dice.choice(CLOCKS)
            self._seen.update(clock)
            async with AsyncExitStack() as stack:
                try:
                    application = await stack.enter_async_context(
                        self._cluster.application(worker=True, variants=[*self._variants, *clock], **PACE)
                    )
                except TimeoutError:  # the other replica's kill broke its first connection to the database
                    continue
                self._running[number] = application
                await self._pause(dice.uniform(0.5, 3.0))
                if dice.random() < 0.4:
                    await self._freeze(application, dice.choice((0.3, 1.0, 4.0)))
                if dice.random() < 0.6:
                    await self._kill_at_statement(application, dice.randint(1, 60))
                application.kill()
                self._running[number] = None
                self._seen["kill -9"] += 1

    async def _freeze(self, application: Application, seconds: float) -> None:
        """Stop the process, for less or more than a lease, and continue it."""
        application.freeze()
        self._seen["frozen"] += 1
        await self._pause(seconds)
        application.thaw()
        await self._pause(0.5)

    async def _kill_at_statement(self, application: Application, step: int) -> None:
        """Kill before the n-th statement from now: this replica dies, whichever replica sends the statement."""
        proxy = self._cluster.proxy
        if proxy.armed:
            return
        proxy.steps, proxy.stop_at, proxy.on_stop = 0, step, application.kill
        proxy.stopped.clear()
        proxy.armed = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(proxy.stopped.wait(), 1.0)
            self._seen["killed at a statement"] += 1
        proxy.armed, proxy.stop_at = False, None

    # -- clients ---------------------------------------------------------------------------------------------------

    async def _client(self, dice: random.Random) -> None:
        """Buy, charge, confirm, capture, cancel and refund; try again with the same key, or give up for now."""
        while not self._over.is_set():
            wish = await self._wish(dice)
            if wish is None:
                return
            caller, mutation, variables = wish
            used = key()
            self._unsettled[caller, mutation, used] = variables
            for _ in range(dice.randint(1, 6)):
                payload = await self._once(dice, caller, mutation, used, variables)
                if payload is not None and self.memory.answers[-1].decided:
                    break
                await self._pause(dice.uniform(0.01, 0.4))

    async def _once(self, dice: random.Random, caller: str, mutation: str, used: str, variables: Json) -> Json | None:
        running = dice.choice(self._running)
        if running is None:
            return None
        client: Client = running.buyer if caller == "buyer" else running.staff
        patience = dice.choice((0.05, 0.3, 5.0, 5.0, 5.0))
        try:
            async with asyncio.timeout(patience):
                payload = await self.memory.do(client, caller, mutation, used, **variables)
        except (httpx.TransportError, TimeoutError, AssertionError, ValueError, RuntimeError):
            self._seen["no answer"] += 1
            return None
        self._seen[" ".join([mutation, *(error["code"] for error in payload["errors"])])] += 1
        if mutation in ("createPayment", "createOffSessionPayment") and payload["payment"] is not None:
            self._payments.append(payload["payment"]["id"])
        return payload

    async def _wish(self, dice: random.Random) -> tuple[str, str, Json] | None:
        """Choose a client's next action; None when the storm is over."""
        wish = dice.random()
        if wish < 0.45 or not self._payments:
            if self._shared and dice.random() < 0.4:  # another payment beside one that may be open
                left = {"expectedAmount": {"amount": dice.choice((2_000, 6_000)), "currency": "USD"}}
                return "buyer", "createPayment", {"input": {**paying(dice.choice(self._shared[-4:])), **left}}
            while (order_id := await self._order(dice)) is None:
                if self._over.is_set():
                    return None
                await self._pause(0.05)
            if dice.random() < 0.5 and (method_id := await self._kept(dice)) is not None:
                expected = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}
                return "staff", "createOffSessionPayment", {"input": {**expected, "savedPaymentMethodId": method_id}}
            return "buyer", "createPayment", {"input": await self._paying(dice, order_id)}
        if wish < 0.5:
            return "staff", "registerOrder", {"input": self._repricing(dice)}
        payment_id = dice.choice(self._payments[-8:])
        if wish < 0.55:
            given = {"paymentId": payment_id, "returnUrl": "https://shop.example/"}
            return "buyer", "confirmPayment", {"input": {**given, **await self._paid_with(dice)}}
        if wish < 0.65:
            return "staff", "capturePayment", {"input": {"paymentId": payment_id}}
        if wish < 0.72:
            return dice.choice(("buyer", "staff")), "cancelPayment", {"input": {"paymentId": payment_id}}
        return "staff", "refundPayment", {"input": refunding(payment_id, dice.choice((1_000, 4_000, 6_000, 10_000)))}

    def _repricing(self, dice: random.Random) -> Json:
        """Change the total of an order, whether or not a payment of it is open."""
        order_id = dice.choice(list(self.memory.registered)[-8:])
        given = self.memory.registered[order_id]
        return {**given, "total": {"amount": dice.choice((9_000, 10_000, 11_000)), "currency": "USD"}}

    async def _paying(self, dice: random.Random, order_id: str) -> Json:
        changes: Json = {"confirm": False}
        if self.memory.registered[order_id]["allowPartialPayments"] and dice.random() < 0.7:
            return paying(order_id, **changes, partialAmount={"amount": 4_000, "currency": "USD"})
        if dice.random() > 0.15:
            changes = {"paymentMethodId": None, **await self._paid_with(dice)}
            changes |= {"setupFutureUsage": "OFF_SESSION"} if dice.random() < 0.6 else {}
        return paying(order_id, returnUrl="https://shop.example/", **changes)

    async def _paid_with(self, dice: random.Random) -> Json:
        """Choose a method, by its name or by the token of what the payer has entered."""
        method = dice.choice(METHODS)
        if dice.random() < 0.3:
            stripe = f"http://127.0.0.1:{self._cluster.stripe_port}"
            with contextlib.suppress(httpx.TransportError, TimeoutError, AssertionError, ValueError):
                async with asyncio.timeout(1), httpx.AsyncClient(base_url=stripe) as browser:
                    return {"confirmationTokenId": await confirmation_token(browser, method)}
        return {"paymentMethodId": method}

    async def _kept(self, dice: random.Random) -> str | None:
        """Choose a method that the buyer keeps; None where they keep none, or nobody answers."""
        running = dice.choice(self._running)
        if running is None:
            return None
        query = "{ viewer { customer { paymentMethods(first: 20) { nodes { id } } } } }"
        with contextlib.suppress(httpx.TransportError, TimeoutError, AssertionError, ValueError, RuntimeError):
            async with asyncio.timeout(2):
                customer = (await running.buyer.ask(query))["viewer"]["customer"]
                kept: list[str] = [method["id"] for method in customer["paymentMethods"]["nodes"]] if customer else []
                return dice.choice(kept) if kept else None
        return None

    async def _order(self, dice: random.Random) -> str | None:
        running = dice.choice(self._running)
        if running is None:
            return None
        try:
            async with asyncio.timeout(2):
                capture, partial = dice.choice(("AUTOMATIC", "AUTOMATIC", "MANUAL")), dice.random() < 0.3
                order_id = await self.memory.order(running, capture=capture, partial=partial)
                self._shared += [order_id] if partial else []
                return order_id
        except (httpx.TransportError, TimeoutError, RuntimeError):
            return None

    # -- Stripe ----------------------------------------------------------------------------------------------------

    async def _faults(self) -> None:
        """Add faults of any kind, anywhere, for a while."""
        dice = random.Random(self._seed * 7 + 1)  # noqa: S311 - as above
        while not self._over.is_set():
            kind = dice.choice(FAULTS)
            self._cluster.sandbox.fault(
                kind=kind,
                method=dice.choice(("POST", "POST", ".*")),
                path=dice.choice(PLACES),
                nth=dice.randint(1, 2),
                times=dice.randint(1, 3),
                seconds=dice.uniform(0.1, 1.0),
            )
            self._seen[kind] += 1
            await self._pause(dice.uniform(0.05, 0.5))
            if dice.random() < 0.3:
                self._cluster.sandbox.clear_faults()

    async def _webhooks(self) -> None:
        """Deliver events at random: late, twice, in any order, to any replica, or not at all."""
        dice = random.Random(self._seed * 7 + 2)  # noqa: S311 - as above
        while not self._over.is_set():
            events = self._cluster.sandbox.snapshot().events[-40:]
            for event in dice.sample(events, min(len(events), dice.randint(0, 6))):
                running = dice.choice(self._running)
                if running is not None:
                    await _deliver(running.http, event)
            await self._complete_3ds(dice)
            await self._pause(dice.uniform(0.05, 0.3))

    async def _complete_3ds(self, dice: random.Random) -> None:
        """Let a payer authenticate, or fail to, at times."""
        waiting = [
            i["id"] for i in self._cluster.sandbox.snapshot().payment_intents if i["status"] == "requires_action"
        ]
        if waiting and dice.random() < 0.5:
            given = {"result": dice.choice(("complete", "complete", "fail"))}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._cluster.stripe_port}") as browser:
                await browser.post(f"/_sandbox/3ds/{dice.choice(waiting)}", data=given)

    async def _network(self) -> None:
        """Lose the traffic of all database connections at times, and sometimes of new ones for a while."""
        dice = random.Random(self._seed * 7 + 3)  # noqa: S311 - as above
        while not self._over.is_set():
            await self._pause(dice.uniform(2.0, 6.0))
            self._cluster.proxy.swallow(new_ones=dice.random() < 0.5)
            self._seen["bytes swallowed"] += 1
            await self._pause(dice.uniform(0.2, 1.0))
            self._cluster.proxy.pass_on()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)


async def _deliver(http: httpx.AsyncClient, event: dict[str, Any]) -> None:
    """Deliver one event, and ignore the answer."""
    raw = json.dumps(event).encode()
    headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
    with contextlib.suppress(httpx.TransportError, RuntimeError):
        await http.post("/webhooks/stripe", content=raw, headers=headers)
