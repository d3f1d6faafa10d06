"""Killed before and after every statement and every call of Stripe: each mutation with a key, and a webhook.

One replica and two, with the client coming back or not. Only the lease, the same key, the janitor, and for a webhook
Stripe's retry may recover here; the poller is off.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from database.embedded import EmbeddedPostgres
from sandbox.deliveries import sign
from tests.attack.invariants import no_more_is_asked_for_than_an_order_costs, violations
from tests.attack.world import Memory, look, paying, refunding, until_idle
from tests.crash.processes.cluster import Application, Cluster
from tests.crash.processes.kills import fresh, kill_at, kill_in_call
from tests.support.payer_tokens import confirmation_token
from tests.support.shop import WEBHOOK_SECRET, Client, Json, key

INTENT = "/v1/payment_intents/[^/]+"
LAST_STATEMENT_OF_A_WEBHOOK = 32  # the worker's own polling for work included, which never ends
FORKS = 4
LEASE = 3.0  # longer than any step takes here: no lease is lost by being slow


@dataclass
class Act:
    """A mutation or webhook to be killed: its preparation, its call, and the final state of its payment.

    `partial` says that it pays a part of an order of which another payment asks for a part already.
    """

    name: str
    before: Json
    end: str
    calls: tuple[tuple[str, str], ...]
    layers: Json = field(default_factory=dict)
    by_token: bool = False  # pays with the token of what the payer has entered
    partial: bool = False
    keeps: bool = False  # keeps the method for the customer, who has to be made at Stripe first
    sets_up: bool = False  # is about a setup, which the customer's browser has confirmed
    statements: int = 8  # it makes at least so many

    def __str__(self) -> str:
        more = {" by a token": self.by_token, " of a part": self.partial, " and keep the method": self.keeps}
        more |= {" of a setup": self.sets_up}
        return self.name + "".join(words for words, holds in more.items() if holds)

    @property
    def is_webhook(self) -> bool:
        return self.name == "webhook"

    @property
    def event(self) -> str:
        """The event by which a webhook tells the end."""
        return "setup_intent.succeeded" if self.sets_up else "payment_intent.succeeded"

    @property
    def is_of_method(self) -> bool:
        return self.name in ("setDefaultPaymentMethod", "detachPaymentMethod")

    @property
    def by_staff(self) -> bool:
        acts = ("registerOrder", "createOffSessionPayment", "capturePayment", "cancelPayment", "refundPayment")
        return self.name in acts

    @property
    def holds(self) -> bool:
        """True when the order captures manually."""
        return self.name in ("capturePayment", "cancelPayment")

    def variables(self, subject: str, token: str | None) -> Json:
        """Return the variables; `subject` is the order for what pays one, and the payment for most others."""
        paid_with = {"confirmationTokenId": token} if self.by_token else {"paymentMethodId": "pm_card_visa"}
        if self.name == "registerOrder":  # again, by the shop's number, while its payment waits for the payer
            return {"input": {"externalId": subject, "total": usd(12_000), "customerExternalId": "buyer"}}
        if self.partial:
            return {"input": paying(subject, expectedAmount=usd(6_000), partialAmount=usd(2_000))}
        if self.is_of_method:
            return {"id": subject}
        if self.name == "createSetupIntent":
            return {"input": {}}
        if self.name == "createPayment":
            kept = KEPT if self.keeps else {}
            return {"input": {**paying(subject), "paymentMethodId": None, **paid_with, **kept}}
        if self.name == "createOffSessionPayment":
            return {"input": {"orderId": subject, "expectedAmount": usd(10_000), "savedPaymentMethodId": token}}
        if self.name == "refundPayment":
            return {"input": refunding(subject, 4_000)}  # in part: a second one would fit
        if self.name == "confirmPayment":
            return {"input": {"paymentId": subject, "returnUrl": "https://shop.example/", **paid_with}}
        return {"input": {"paymentId": subject}}


def usd(amount: int) -> Json:
    return {"amount": amount, "currency": "USD"}


KEPT: Json = {"setupFutureUsage": "OFF_SESSION"}
UNCONFIRMED: Json = {"confirm": False, "paymentMethodId": None}
OTHER_PART = "REQUIRES_PAYMENT_METHOD"  # the payment beside it waits for its payer all the time
CREATE, CONFIRM = ("POST", "/v1/payment_intents"), ("POST", f"{INTENT}/confirm")
ACTS = (
    Act("createPayment", {}, "SUCCEEDED", (CREATE, CONFIRM)),
    Act("createPayment", {}, "SUCCEEDED", (CREATE, CONFIRM), partial=True),
    Act("confirmPayment", UNCONFIRMED, "SUCCEEDED", (CONFIRM,)),
    Act("createPayment", {}, "SUCCEEDED", (CREATE, CONFIRM), by_token=True),
    Act("confirmPayment", UNCONFIRMED, "SUCCEEDED", (CONFIRM,), by_token=True),
    Act("createPayment", {}, "SUCCEEDED", (("POST", "/v1/customers"), CREATE, CONFIRM), keeps=True),
    Act("createOffSessionPayment", KEPT, "SUCCEEDED", (CREATE,), statements=5),
    Act("setDefaultPaymentMethod", KEPT, "SUCCEEDED", (("POST", "/v1/customers/[^/]+"),)),
    Act("detachPaymentMethod", KEPT, "SUCCEEDED", (("POST", "/v1/payment_methods/[^/]+/detach"),)),
    Act("createSetupIntent", {}, "", (("POST", "/v1/customers"), ("POST", "/v1/setup_intents"))),
    Act("registerOrder", UNCONFIRMED, "REQUIRES_PAYMENT_METHOD", (("POST", INTENT),)),
    Act("capturePayment", {}, "SUCCEEDED", (("POST", f"{INTENT}/capture"),)),
    Act("cancelPayment", {}, "CANCELED", (("POST", f"{INTENT}/cancel"),)),
    Act("refundPayment", {}, "SUCCEEDED", (("POST", "/v1/refunds"),)),
    Act(
        "webhook",
        UNCONFIRMED,
        "SUCCEEDED",
        (("GET", INTENT), ("GET", "/v1/refunds")),
        layers={"worker": True, "worker_webhooks": True},
    ),
    Act(
        "webhook",
        {},
        "",
        (("GET", "/v1/setup_intents/[^/]+"),),
        layers={"worker": True, "worker_webhooks": True},
        sets_up=True,
    ),
)


@dataclass(frozen=True)
class Way:
    """The way of the kill: the number of replicas, before or after the statement, and whether the client returns."""

    replicas: int
    after: bool
    returns: bool

    def __str__(self) -> str:
        moment, client = "after" if self.after else "before", "comes back" if self.returns else "is gone"
        return f"{self.replicas} replicas, {moment}, client {client}"


WAYS = (
    Way(replicas=1, after=False, returns=True),
    Way(replicas=1, after=True, returns=False),
    Way(replicas=2, after=True, returns=True),
    Way(replicas=2, after=False, returns=False),
)
BY_NAME = pytest.mark.parametrize("act", ACTS, ids=str)
BY_WAY = pytest.mark.parametrize("way", WAYS, ids=str)
CALLS = [pytest.param(act, call, id=f"{act} {call[0]} {call[1]}") for act in ACTS for call in act.calls]


@pytest.mark.short
@BY_NAME
async def test_killed_in_the_middle(cluster: Cluster, postgres: EmbeddedPostgres, act: Act) -> None:
    assert await _killed_at(cluster, postgres, act, act.statements, Way(replicas=2, after=True, returns=True))


@BY_NAME
@BY_WAY
@pytest.mark.parametrize("chunk", range(FORKS))
async def test_killed_at_any_statement(
    cluster: Cluster, postgres: EmbeddedPostgres, act: Act, way: Way, chunk: int
) -> None:
    step = chunk + 1
    while not (act.is_webhook and step > LAST_STATEMENT_OF_A_WEBHOOK):
        if not await _killed_at(cluster, postgres, act, step, way):
            break
        step += FORKS
    assert step > act.statements


@BY_WAY
@pytest.mark.parametrize(("act", "call"), CALLS)
@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
async def test_killed_around_any_call_of_stripe(
    cluster: Cluster, database_url: str, act: Act, call: tuple[str, str], way: Way, moment: str
) -> None:
    memory = Memory()
    async with _beside(cluster, way) as other:
        async with cluster.application(**{"worker": False, **act.layers}) as first:
            variables, with_key = await _prepare(cluster, first, memory, act), key()
            done = _act(cluster, first, memory, act, variables, with_key)
            await kill_in_call(cluster, first, moment, call[1], done, method=call[0])
        await _heals(cluster, database_url, memory, act, variables, with_key, other, returns=way.returns)


async def _killed_at(cluster: Cluster, postgres: EmbeddedPostgres, act: Act, step: int, way: Way) -> bool:
    """Kill at the step-th statement and check the result; False if there are fewer statements."""
    async with fresh(cluster, postgres) as url, _beside(cluster, way) as other:
        memory = Memory()
        async with cluster.application(**{"worker": False, **act.layers}) as first:
            variables, with_key = await _prepare(cluster, first, memory, act), key()
            done = _act(cluster, first, memory, act, variables, with_key)
            if not await kill_at(cluster, first, step, done, after=way.after):
                return False
        await _heals(cluster, url, memory, act, variables, with_key, other, returns=way.returns)
    return True


@asynccontextmanager
async def _beside(cluster: Cluster, way: Way) -> AsyncIterator[Application | None]:
    """Open the second replica, if there is one: it serves all the time, and the client returns to it."""
    if way.replicas == 1:
        yield None
        return
    async with cluster.application(worker=False, variants=["hurried"], lease_seconds=LEASE) as other:
        yield other


async def _heals(
    cluster: Cluster,
    url: str,
    memory: Memory,
    act: Act,
    variables: Json,
    with_key: str,
    other: Application | None,
    *,
    returns: bool,
) -> None:
    """Check that another process takes over: nothing is lost, nothing is done twice."""
    healing: Json = {"worker": True, "worker_webhooks": True, "variants": ["hurried"], "lease_seconds": LEASE}
    async with cluster.application(**healing) as second:
        served = other or second
        if act.is_webhook and returns:
            await _send_all(cluster, served)
        elif returns:
            caller, client = _caller(act, served)
            await memory.settled(lambda: client, caller, act.name, with_key, **variables)
        idle = await until_idle(url, seconds=20)
        world = await look(cluster, second, memory, url)
    assert idle
    wrong = violations(world) + no_more_is_asked_for_than_an_order_costs(world)
    if act.name == "registerOrder":
        [order], [payment] = world.orders, world.payments
        assert order["total"]["amount"] == payment["amount"]["amount"]
        assert order["total"]["amount"] == 12_000 or not returns
    if returns:
        others = [OTHER_PART] if act.partial else [act.end] if act.name == "createOffSessionPayment" else []
        ends = [*others, act.end] if act.end else []
        assert sorted(payment["status"] for payment in world.payments) == sorted(ends)
    if act.name == "createSetupIntent" and returns:
        assert [one["status"] for one in world.customers[0]["setupIntents"]["nodes"]] == ["REQUIRES_PAYMENT_METHOD"]
    if act.partial:
        [order] = world.orders
        asked = sum(payment["amount"]["amount"] for payment in world.payments)
        assert order["amountPayable"]["amount"] == order["total"]["amount"] - asked
    elif act.is_webhook and not any(event["type"] == act.event for event in world.webhooks):
        wrong = []  # killed before the event was stored: Stripe would send it again
    assert wrong == []


async def _prepare(cluster: Cluster, first: Application, memory: Memory, act: Act) -> Json:
    """Make what the act needs; returns the act's variables."""
    token = await _token(cluster) if act.by_token else None
    if act.partial:
        return act.variables(await _prepare_part(cluster, memory), token)
    order_id = await memory.order(first, capture="MANUAL" if act.holds else "AUTOMATIC")
    if act.name in ("createPayment", "createSetupIntent"):
        return act.variables(order_id, token)
    if act.sets_up:
        payload = await memory.settled(lambda: first.buyer, "buyer", "createSetupIntent", key(), input={})
        assert payload["errors"] == [], payload
        await _browser_confirms(cluster, cluster.sandbox.snapshot().setup_intents, "/v1/setup_intents")
        return {}
    given = paying(order_id, **act.before)
    payload = await memory.settled(lambda: first.buyer, "buyer", "createPayment", key(), input=given)
    assert payload["errors"] == [], payload
    if act.is_webhook:
        await _browser_confirms(cluster, cluster.sandbox.snapshot().payment_intents, "/v1/payment_intents")
    if act.is_of_method:
        return act.variables(await _kept_method(first), token)
    if act.name == "createOffSessionPayment":
        return act.variables(await memory.order(first), await _kept_method(first))
    if act.name == "registerOrder":
        return act.variables(memory.registered[order_id]["externalId"], token)
    return act.variables(payload["payment"]["id"], token)


async def _kept_method(first: Application) -> str:
    """Return the id of the method that the buyer has just kept by paying."""
    query = '{ customer(externalId: "buyer") { paymentMethods { nodes { id } } } }'
    [method] = (await first.buyer.ask(query))["customer"]["paymentMethods"]["nodes"]
    return str(method["id"])


async def _token(cluster: Cluster) -> str:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as browser:
        return await confirmation_token(browser)


async def _prepare_part(cluster: Cluster, memory: Memory) -> str:
    """Open a payment of another part, in a process of its own: the one that is killed has prepared no statement."""
    async with cluster.application(worker=False) as earlier:
        order_id = await memory.order(earlier, partial=True)
        given = paying(order_id, **UNCONFIRMED, partialAmount=usd(4_000))
        await memory.settled(lambda: earlier.buyer, "buyer", "createPayment", key(), input=given)
    return order_id


async def _browser_confirms(cluster: Cluster, intents: list[Json], path: str) -> None:
    [intent] = intents
    given = {"payment_method": "pm_card_visa", "client_secret": intent["client_secret"]}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as browser:
        headers = {"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()}
        data = {**given, "return_url": "https://shop.example/"}
        answer = await browser.post(f"{path}/{intent['id']}/confirm", data=data, headers=headers)
    assert answer.status_code == 200


async def _act(
    cluster: Cluster, first: Application, memory: Memory, act: Act, variables: Json, with_key: str
) -> dict[str, Any]:
    """Run the call that is killed. A webhook's has no end of its own: it waits for the death of the process."""
    if not act.is_webhook:
        caller, client = _caller(act, first)
        return await memory.do(client, caller, act.name, with_key, **variables)
    await _send_all(cluster, first)
    while True:
        await first.http.get("/healthz")
        await asyncio.sleep(0.01)


def _caller(act: Act, application: Application) -> tuple[str, Client]:
    return ("staff", application.staff) if act.by_staff else ("buyer", application.buyer)


async def _send_all(cluster: Cluster, application: Application) -> None:
    for event in cluster.sandbox.snapshot().events:
        raw = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
        await application.http.post("/webhooks/stripe", content=raw, headers=headers)
