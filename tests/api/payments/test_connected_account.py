"""STRIPE_ACCOUNT: every call is for that account, and only its events are accepted."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from stripe import WebhookSignature

from models import Payment, WebhookEvent
from settings import Settings, SettingsError
from tests.support.shop import WEBHOOK_SECRET, Json, Shop, open_shop, settings_for

ACCOUNT = "acct_1A2b3C"


@pytest.fixture
async def connected(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """Open a shop whose money goes to a connected account."""
    async with open_shop(settings_for(database_url, tmp_path / "state", stripe_account=ACCOUNT)) as opened:
        yield opened


async def test_money_goes_to_the_connected_account_in_every_call(connected: Shop) -> None:
    asked: list[tuple[str, str | None]] = []

    async def answered(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        asked.append((f"{request.method} {request.url.path}", request.headers.get("stripe-account")))
        return response

    connected.between.answered = answered
    payment = await connected.paid()
    refund = await connected.refund(payment["id"], 1_000)
    synced = await connected.staff.do("syncPayment", paymentId=payment["id"])

    assert refund["errors"] == synced["errors"] == []
    assert len(asked) >= 4
    assert {account for _, account in asked} == {ACCOUNT}
    assert connected.sandbox.snapshot().payment_intents == []  # the platform received nothing


async def test_the_poll_takes_the_connected_accounts_events(connected: Shop) -> None:
    await connected.prepared()

    await connected.runtime.worker.poll()
    await connected.runtime.worker.drain()

    states = await WebhookEvent.all().values_list("account", "state")
    assert states == [(ACCOUNT, "PROCESSED")]


@pytest.mark.parametrize(
    ("named", "state"),
    [(ACCOUNT, "RECEIVED"), (None, "IGNORED"), ("acct_other", "IGNORED")],
    ids=["its own", "the platform's", "another's"],
)
async def test_only_the_connected_accounts_webhooks_are_taken(connected: Shop, named: str | None, state: str) -> None:
    await connected.prepared()
    [payment] = await Payment.all()
    event = _event(str(payment.stripe_payment_intent_id)) | ({"account": named} if named else {})

    answer = await _send(connected, event)

    [stored] = await WebhookEvent.filter(stripe_event_id=event["id"])
    assert answer.status_code == 200
    assert stored.state == state


@pytest.mark.parametrize("given", ["acme", "acct_", "acct_1, acct_2", "acct_1\n"])
def test_a_setting_that_is_no_account_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("STRIPE_ACCOUNT", given)

    with pytest.raises(SettingsError, match="STRIPE_ACCOUNT"):
        Settings.load()


async def _send(shop: Shop, event: Json) -> httpx.Response:
    raw = json.dumps(event)
    return await shop.webhook(
        raw.encode(), WebhookSignature.generate_signature_header(raw, WEBHOOK_SECRET, timestamp=int(time.time()))
    )


def _event(intent: str) -> Json:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.requires_action",
        "livemode": False,
        "created": int(time.time()),
        "api_version": "2020-08-27",
        "data": {"object": {"id": intent, "object": "payment_intent", "metadata": {}}},
    }
