"""Clients that record their answers, and a view of the whole state from outside."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from database.connection import parse_url
from tests.attack.invariants import Answer, Link, World
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import PAYMENT_FIELDS, Client, Json, key

IDLE_SECONDS = 30.0
TRAIL = """
  stripePaymentIntentId refunds { id status stripeRefundId amount { amount } }
  timeline(first: 100) { nodes: edges { node { sequence type fromStatus toStatus stripeEventId amount { amount } } } }
"""
PAYMENT = f"query P($id: ID!) {{ payment(id: $id) {{ {PAYMENT_FIELDS} {TRAIL} }} }}"
PAYMENTS = "query A($after: String) { payments(first: 50, after: $after) { nodes { id } pageInfo { %s } } }"
ORDER = """query O($id: ID!) { order(id: $id) {
  id externalId total { amount } amountPaid { amount } amountRefunded { amount } amountPayable { amount } } }"""
CUSTOMER = """query C($id: String!) { customer(externalId: $id) {
  id externalId stripeCustomerId paymentMethods(first: 100) { nodes { id } }
  setupIntents(first: 100) { nodes { id status paymentMethod { id } } } } }"""
OPERATION = """query K($key: IdempotencyKey!, $kind: OperationKind!) {
  operation(key: $key, kind: $kind) { id kind state effect attempts } }"""
WEBHOOKS = """query W($after: String) { webhookEvents(first: 50, after: $after) {
  edges { node { stripeEventId type state attempts lastError } } pageInfo { hasNextPage endCursor } } }"""


@dataclass
class Memory:
    """The calls of the clients of one run, and the answers."""

    answers: list[Answer] = field(default_factory=list)
    sent: set[tuple[str, str, str]] = field(default_factory=set)
    registered: dict[str, Json] = field(default_factory=dict)  # the inputs of orders, by the orders' ids

    async def do(self, client: Client, caller: str, mutation: str, with_key: str, **variables: Any) -> Json:
        """Send one call and record it. Raises the network's errors, and AssertionError for an answer without data."""
        self.sent.add((caller, mutation, with_key))
        payload = await client.do(mutation, **variables, key=with_key)
        self.answers.append(Answer(caller, mutation, with_key, payload))
        return payload

    async def settled(
        self,
        client: Callable[[], Client],
        caller: str,
        mutation: str,
        with_key: str,
        *,
        seconds: float = IDLE_SECONDS,
        **variables: Any,
    ) -> Json:
        """Repeat the call with its key, at the replica that serves now, until it is decided."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    payload = await self.do(client(), caller, mutation, with_key, **variables)
                except (httpx.TransportError, AssertionError, ValueError):
                    await asyncio.sleep(0.05)
                    continue
                if self.answers[-1].decided:
                    return payload
                await asyncio.sleep(0.05)

    async def order(
        self, application: Application, amount: int = 10_000, *, capture: str = "AUTOMATIC", partial: bool = False
    ) -> str:
        """Register an order; returns its id."""
        given = {
            "externalId": f"order-{key()}",
            "total": {"amount": amount, "currency": "USD"},
            "customerExternalId": "buyer",
            "captureMethod": capture,
            "allowPartialPayments": partial,
        }
        payload = await self.settled(lambda: application.staff, "staff", "registerOrder", key(), input=given)
        order_id = str(payload["order"]["id"])
        self.registered[order_id] = given
        return order_id

    async def pay(self, application: Application, *, order_id: str | None = None, **changes: Any) -> Json:
        """Pay an order, confirmed by the server, under a key of its own; returns the payload."""
        given = paying(order_id or await self.order(application), **changes)
        return await self.do(application.buyer, "buyer", "createPayment", key(), input=given)


def paying(order_id: str, **changes: Any) -> Json:
    """Return the input of a payment of 100 USD that the server confirms."""
    return {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_visa",
        "confirm": True,
        **changes,
    }


def refunding(payment_id: str, amount: int) -> Json:
    """Return the input of a refund."""
    return {"paymentId": payment_id, "amount": {"amount": amount, "currency": "USD"}, "reason": "OTHER"}


async def look(cluster: Cluster, application: Application, memory: Memory, database_url: str) -> World:
    """Read the current state from outside."""
    staff = application.staff
    payments = [await _payment(staff, payment_id) for payment_id in await _payment_ids(staff)]
    orders = sorted({payment["order"]["id"] for payment in payments})
    operations = []
    for caller, mutation, used in sorted(memory.sent):
        client = application.buyer if caller == "buyer" else staff
        kind = re.sub(r"(?=[A-Z])", "_", mutation).upper()
        if (found := (await client.ask(OPERATION, key=used, kind=kind))["operation"]) is not None:
            operations.append(found)
    chain, heads = await _chains(database_url)
    buyer = (await staff.ask(CUSTOMER, id="buyer"))["customer"]
    return World(
        books=cluster.sandbox.snapshot(),
        payments=payments,
        orders=[(await staff.ask(ORDER, id=order_id))["order"] for order_id in orders],
        operations=operations,
        webhooks=await _webhooks(staff),
        answers=memory.answers,
        chain=chain,
        heads=heads,
        customers=[buyer] if buyer is not None else [],
    )


async def until_idle(database_url: str, *, seconds: float = IDLE_SECONDS) -> bool:
    """Wait until no work is due or being done; False if that takes too long."""
    busy = (
        "SELECT (SELECT count(*) FROM operation WHERE due IS NOT NULL)"
        " + (SELECT count(*) FROM webhook_event WHERE due IS NOT NULL)"
    )
    return await until(lambda: _none(database_url, busy), seconds=seconds)


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 10.0) -> bool:
    """Repeat a condition until it holds; False if that takes too long."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.03)
    except TimeoutError:
        return False
    return True


async def _none(database_url: str, statement: str) -> bool:
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        return not await connection.fetchval(statement)
    finally:
        await connection.close()


async def _payment_ids(staff: Client) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = (await staff.ask(PAYMENTS % "hasNextPage endCursor", after=after))["payments"]
        found += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def _payment(staff: Client, payment_id: str) -> Json:
    payment: Json = (await staff.ask(PAYMENT, id=payment_id))["payment"]
    payment["timeline"] = [edge["node"] for edge in payment["timeline"]["nodes"]]
    return payment


async def _webhooks(staff: Client) -> list[Json]:
    found: list[Json] = []
    after: str | None = None
    while True:
        page = (await staff.ask(WEBHOOKS, after=after))["webhookEvents"]
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def _chains(database_url: str) -> tuple[list[Link], dict[str, tuple[int, str]]]:
    """Read the stored chains with SQL: the API shows no previous hashes."""
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        events = await connection.fetch("SELECT order_id, sequence, previous_hash, hash FROM payment_event")
        orders = await connection.fetch("SELECT id, last_sequence, last_hash FROM orders")
    finally:
        await connection.close()
    chain = [Link(str(e["order_id"]), e["sequence"], e["previous_hash"], e["hash"]) for e in events]
    return chain, {str(order["id"]): (order["last_sequence"], order["last_hash"]) for order in orders}
