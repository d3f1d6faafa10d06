"""Killed before every statement and around every call of Stripe: confirm, capture, cancel, and applying a webhook.

What heals here is the lease, the same key, the janitor, and for a webhook Stripe's sending it again; the poller is off.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from models.embedded import EmbeddedPostgres
from sandbox.deliveries import sign
from tests.attack.invariants import violations
from tests.attack.world import Memory, look, paying, until_idle
from tests.crash.kills import fresh, kill_at, kill_in_call
from tests.crash.town import Application, Town
from tests.shop import WEBHOOK_SECRET, Json, key

INTENT = "/v1/payment_intents/[^/]+"
LAST_STATEMENT_OF_A_WEBHOOK = 32  # the worker's own looking for work included, which never ends
FORKS = 4


@dataclass
class Act:
    """Something to be killed: what stands before it, what it does, and how it must end."""

    name: str
    before: Json
    end: str
    call: tuple[str, str]
    method: str | None = None
    layers: Json = field(default_factory=dict)

    @property
    def is_webhook(self) -> bool:
        return self.name == "webhook"

    def variables(self, payment_id: str) -> Json:
        if self.name == "confirmPayment":
            given = {"paymentId": payment_id, "paymentMethodId": "pm_card_visa"}
            return {**given, "returnUrl": "https://shop.example/"}
        return {"input": {"paymentId": payment_id}}


UNCONFIRMED: Json = {"confirm": False, "paymentMethodId": None}
ACTS = (
    Act("confirmPayment", UNCONFIRMED, "SUCCEEDED", ("POST", f"{INTENT}/confirm")),
    Act("capturePayment", {"captureMethod": "MANUAL"}, "SUCCEEDED", ("POST", f"{INTENT}/capture")),
    Act("cancelPayment", {"captureMethod": "MANUAL"}, "CANCELED", ("POST", f"{INTENT}/cancel")),
    Act("webhook", UNCONFIRMED, "SUCCEEDED", ("GET", INTENT), layers={"worker": True, "worker_webhooks": True}),
)
BY_NAME = pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
CLIENT_RETURNS = pytest.mark.parametrize("returns", [True, False], ids=["comes back", "is gone"])


@BY_NAME
@pytest.mark.parametrize("step", [6, 9])
async def test_killed_before_a_statement(town: Town, postgres: EmbeddedPostgres, act: Act, step: int) -> None:
    assert await _killed_at(town, postgres, act, step, returns=step % 2 == 0)


@pytest.mark.attack
@BY_NAME
@CLIENT_RETURNS
@pytest.mark.parametrize("chunk", range(FORKS))
async def test_killed_before_any_statement(
    town: Town, postgres: EmbeddedPostgres, act: Act, chunk: int, returns: bool
) -> None:
    step = chunk + 1
    while not (act.is_webhook and step > LAST_STATEMENT_OF_A_WEBHOOK):
        if not await _killed_at(town, postgres, act, step, returns=returns):
            break
        step += FORKS
    assert step > 2 * FORKS


@BY_NAME
@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
async def test_killed_around_the_call_of_stripe(town: Town, database_url: str, act: Act, moment: str) -> None:
    memory = Memory()
    async with town.application(**{"worker": False, **act.layers}) as first:
        payment_id, with_key = await _prepare(town, first, memory, act), key()
        call = _act(town, first, memory, act, payment_id, with_key)
        await kill_in_call(town, first, moment, act.call[1], call, method=act.call[0])
    await _heals(town, database_url, memory, act, payment_id, with_key, returns=True)


async def _killed_at(town: Town, postgres: EmbeddedPostgres, act: Act, step: int, *, returns: bool) -> bool:
    """Kill before the step-th statement and check what is left; False if there are not so many."""
    async with fresh(town, postgres) as url:
        memory = Memory()
        async with town.application(**{"worker": False, **act.layers}) as first:
            payment_id, with_key = await _prepare(town, first, memory, act), key()
            if not await kill_at(town, first, step, _act(town, first, memory, act, payment_id, with_key)):
                return False
        await _heals(town, url, memory, act, payment_id, with_key, returns=returns)
    return True


async def _heals(
    town: Town, url: str, memory: Memory, act: Act, payment_id: str, with_key: str, *, returns: bool
) -> None:
    """Another process takes over: nothing is lost, nothing is done twice."""
    async with town.application(worker=True, worker_webhooks=True, variants=["hurried"]) as second:
        if act.is_webhook and returns:
            await _send_all(town, second)
        elif returns:
            caller, client = _caller(act, second)
            await memory.settled(lambda: client, caller, act.name, with_key, **act.variables(payment_id))
        idle = await until_idle(url, seconds=20)
        world = await look(town, second, memory, url)
    if not returns:  # whoever does not come back may have been killed before the act was accepted or the event stored
        lost = act.is_webhook and not any(event["state"] == "PROCESSED" for event in world.webhooks)
        assert lost or violations(world) == []
        return
    assert violations(world) == []
    assert idle
    assert [payment["status"] for payment in world.payments] == [act.end]


async def _prepare(town: Town, first: Application, memory: Memory, act: Act) -> str:
    given = paying(await memory.order(first), **act.before)
    payload = await memory.settled(lambda: first.buyer, "buyer", "createPayment", key(), input=given)
    assert payload["errors"] == [], payload
    if act.is_webhook:
        [intent] = town.sandbox.snapshot().payment_intents
        given = {"payment_method": "pm_card_visa", "client_secret": intent["client_secret"]}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{town.stripe_port}") as browser:
            headers = {"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()}
            data = {**given, "return_url": "https://shop.example/"}
            answer = await browser.post(f"/v1/payment_intents/{intent['id']}/confirm", data=data, headers=headers)
        assert answer.status_code == 200
    return str(payload["payment"]["id"])


async def _act(
    town: Town, first: Application, memory: Memory, act: Act, payment_id: str, with_key: str
) -> dict[str, Any]:
    """The act that is killed. A webhook's has no end of its own: it waits for the death of the process."""
    if not act.is_webhook:
        caller, client = _caller(act, first)
        return await memory.do(client, caller, act.name, with_key, **act.variables(payment_id))
    await _send_all(town, first)
    while True:
        await first.http.get("/healthz")
        await asyncio.sleep(0.01)


def _caller(act: Act, application: Application) -> tuple[str, Any]:
    if act.name == "capturePayment":
        return "staff", application.staff
    return "buyer", application.buyer


async def _send_all(town: Town, application: Application) -> None:
    for event in town.sandbox.snapshot().events:
        raw = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
        await application.http.post("/webhooks/stripe", content=raw, headers=headers)
