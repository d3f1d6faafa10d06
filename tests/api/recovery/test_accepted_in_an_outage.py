"""Payments accepted during an outage, on an account with many others: decided without reading lists."""

import httpx
import pytest

from database.statements import query_rows
from models import Operation
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

ACCEPTED = 100
OTHERS = 150  # payments of another application on the same account: more than a page of a list
MANY = 1_000_000
# A create and a confirmation for each, and room for a fifth more.
MOST_CALLS = int(ACCEPTED * 2 * 1.2)


async def another_application_is_busy(shop: Shop) -> None:
    """Create another application's payments, for as long as ours wait."""
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as other:
        for _ in range(OTHERS):
            made = await other.post(
                "/v1/payment_intents",
                data={"amount": "500", "currency": "usd"},
                headers={"Authorization": "Bearer sk_test_other", "Idempotency-Key": key()},
            )
            assert made.status_code == 200


async def ten_minutes_pass() -> None:
    moments = ("created_at", "updated_at", "first_sent_at", "due")
    shifts = ", ".join(f"{name} = {name} - interval '10 minutes'" for name in moments)
    await query_rows(f"UPDATE operation SET {shifts}")


async def drain(shop: Shop) -> None:
    """Run due work; Stripe is back, so no back-off applies."""
    shop.runtime.runner.provider._breaker.answered()
    await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")
    await shop.runtime.worker.drain()


def calls_since(shop: Shop, number: int) -> list[Json]:
    return [dict(entry) for entry in shop.sandbox.snapshot().requests[number:]]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "rate_limit_429"])
async def test_a_hundred_payments_accepted_in_an_outage_cost_their_own_calls(shop: Shop, kind: str) -> None:
    orders = [(await shop.order(), key()) for _ in range(ACCEPTED)]
    shop.sandbox.fault(kind=kind, path="/v1/.*", times=MANY)
    accepted = [await shop.pay(order_id, with_key=with_key) for order_id, with_key in orders]
    await ten_minutes_pass()
    shop.sandbox.clear_faults()
    await another_application_is_busy(shop)
    before = len(shop.sandbox.snapshot().requests)

    await drain(shop)

    calls = calls_since(shop, before)
    lists = [call for call in calls if call["method"] == "GET" and call["path"] == "/v1/payment_intents"]
    states = {
        row["state"] for row in await query_rows("SELECT DISTINCT state FROM operation WHERE kind = 'CREATE_PAYMENT'")
    }
    assert all(payload["errors"] for payload in accepted)
    assert states == {"SUCCEEDED"}
    assert len([charge for charge in shop.sandbox.snapshot().charges if charge["amount"] == 10_000]) == ACCEPTED
    assert lists == []
    assert len(calls) <= MOST_CALLS


async def test_a_look_that_fails_does_not_hide_that_sending_met_a_500(shop: Shop) -> None:
    """Only a 500 that Stripe replays is stored under the key, and only that one allows a new key."""
    shop.sandbox.fault(kind="error_500_before", method="POST", path="/v1/payment_intents/[^/]+/confirm")
    payload = await shop.pay(await shop.order())
    await ten_minutes_pass()
    await drain(shop)
    await ten_minutes_pass()
    shop.sandbox.fault(kind="drop_before", method="GET", path="/v1/.*", times=MANY)

    await drain(shop)

    operation = await Operation.get(kind="CREATE_PAYMENT")
    assert [error["code"] for error in payload["errors"]] == ["OUTCOME_UNKNOWN"]
    assert operation.attempt >= 3
    assert operation.last_problem == "server_error"


async def test_a_list_that_is_too_long_is_no_proof_of_absence(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A create had no answer, its key is forgotten, and the account has more than a read covers: a person decides."""
    monkeypatch.setattr("provider.calls.PAGE", 5)  # a read covers twenty of these
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/payment_intents")
    await shop.pay(await shop.order())
    await another_application_is_busy(shop)
    await query_rows(
        "UPDATE operation SET created_at = created_at - interval '21 hours',"
        " first_sent_at = first_sent_at - interval '21 hours'"
    )
    before = len(shop.sandbox.snapshot().requests)

    await drain(shop)

    operation = await Operation.get(kind="CREATE_PAYMENT")
    posted = [call for call in calls_since(shop, before) if call["method"] == "POST"]
    assert operation.state.value == "NEEDS_REVIEW"
    assert posted == []
