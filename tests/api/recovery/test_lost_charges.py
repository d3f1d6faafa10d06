"""A payment while its payer is away is one request: what is lost of it is found, and never charged twice."""

import pytest

from database.statements import query_rows
from models import Operation
from tests.support.customers import pay_off_session, with_default
from tests.support.shop import ERROR_FIELDS, Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

INTENTS = "/v1/payment_intents"
MANY = 1_000
HOUR = 3_600
KIND = "CREATE_OFF_SESSION_PAYMENT"
ENDS = {
    "pm_card_visa": ("SUCCEEDED", None, "SUCCEEDED", ["succeeded"]),
    "pm_card_chargeDeclined": ("FAILED", "CARD_DECLINED", "REQUIRES_PAYMENT_METHOD", ["failed"]),
    "pm_card_authenticationRequired": ("FAILED", "AUTHENTICATION_REQUIRED", "REQUIRES_PAYMENT_METHOD", ["failed"]),
}
RESOLVE = f"""
mutation R($id: ID!, $outcome: ReviewOutcome!, $stripeId: ID) {{
  resolveOperation(id: $id, outcome: $outcome, evidence: "Seen in the Dashboard by Ada.", stripeId: $stripeId) {{
    operation {{ state error {{ code }} }} errors {{ {ERROR_FIELDS} }}
  }}
}}
"""


async def _prepared(shop: Shop, behaves: str) -> str:
    """Let the buyer keep a card that behaves so from now on; returns an order to be paid with it."""
    await with_default(shop)
    [intent] = shop.sandbox.snapshot().payment_intents
    await shop.stripe(f"payment_methods/{intent['payment_method']}", {"behaves": behaves})
    order_id = await shop.order()
    await shop.deliver()
    return order_id


async def _pass(shop: Shop, seconds: float) -> None:
    """Let time pass for the open operations, and let the worker do due work."""
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [seconds],
    )
    await shop.runtime.worker.drain()


def _sent(shop: Shop) -> list[str]:
    """Return the keys of all requests that make an intent, in their order, but for the one that kept the card."""
    requests = shop.sandbox.snapshot().requests
    return [r["idempotency_key"] for r in requests if (r["method"], r["path"]) == ("POST", INTENTS)][1:]


async def _end(shop: Shop, payment_id: str) -> tuple[str, str | None, str, list[str]]:
    """Return the operation's state and error, the payment's status, and those of all charges but the first one."""
    operation = await Operation.get(kind=KIND)
    error = operation.error["code"] if operation.error is not None else None
    charges = [charge["status"] for charge in shop.sandbox.snapshot().charges][1:]
    return operation.state.value, error, (await shop.payment(payment_id))["status"], charges


@pytest.mark.parametrize("behaves", ENDS)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_scenario_12_after_thirty_hours_a_charge_is_looked_for_and_its_key_is_not_sent(
    shop: Shop, kind: str, behaves: str
) -> None:
    order_id = await _prepared(shop, behaves)
    shop.sandbox.fault(kind=kind, method="POST", path=INTENTS)
    payload = await pay_off_session(shop, order_id)
    unknown = (await shop.payment(payload["payment"]["id"]))["status"]
    old = (await Operation.get(kind=KIND)).stripe_key("charge")
    before = len(_sent(shop))

    shop.sandbox.advance(30 * HOUR)
    await _pass(shop, 30 * HOUR)

    later = _sent(shop)[before:]
    assert [error["code"] for error in payload["errors"]] == ["OUTCOME_UNKNOWN"]
    assert unknown == "UNKNOWN"
    assert old not in later
    assert len(later) == (1 if kind == "drop_before" else 0)
    assert await _end(shop, payload["payment"]["id"]) == ENDS[behaves]


@pytest.mark.parametrize("behaves", ENDS)
async def test_scenario_11_a_500_that_hides_a_charge_is_found_by_looking(shop: Shop, behaves: str) -> None:
    order_id = await _prepared(shop, behaves)
    shop.sandbox.fault(kind="error_500_after", method="POST", path=INTENTS)
    payload = await pay_off_session(shop, order_id)

    await _pass(shop, 61)  # the 500 is repeated: Stripe keeps it under the key
    await _pass(shop, 16 * 60)

    assert len({*_sent(shop)}) == 1
    assert await _end(shop, payload["payment"]["id"]) == ENDS[behaves]


async def test_scenario_11_a_500_that_sticks_to_its_key_gets_a_new_key_once_nothing_is_proven(shop: Shop) -> None:
    order_id = await _prepared(shop, "pm_card_visa")
    shop.sandbox.fault(kind="error_500_before", method="POST", path=INTENTS)
    payload = await pay_off_session(shop, order_id)

    await _pass(shop, 61)
    early = {*_sent(shop)}
    await _pass(shop, 16 * 60)

    assert (len(early), len({*_sent(shop)})) == (1, 2)
    assert await _end(shop, payload["payment"]["id"]) == ENDS["pm_card_visa"]


@pytest.mark.parametrize("behaves", ENDS)
async def test_a_repeated_decline_needs_no_list(shop: Shop, behaves: str) -> None:
    """Stripe repeats its answer under the key and names the intent that it made: one look at that one is enough."""
    order_id = await _prepared(shop, behaves)
    shop.sandbox.fault(kind="drop_after", method="POST", path=INTENTS)
    payload = await pay_off_session(shop, order_id)
    before = len(shop.sandbox.snapshot().requests)

    await _pass(shop, 61)

    calls = [(call["method"], call["path"]) for call in shop.sandbox.snapshot().requests[before:]]
    assert ("GET", INTENTS) not in calls
    assert len([call for call in calls if call[0] == "POST"]) == 1
    assert await _end(shop, payload["payment"]["id"]) == ENDS[behaves]


async def test_a_decline_that_was_lost_does_not_undo_what_the_buyer_paid_since(shop: Shop) -> None:
    order_id = await _prepared(shop, "pm_card_chargeDeclined")
    shop.sandbox.fault(kind="drop_after", method="POST", path=INTENTS)
    payload = await pay_off_session(shop, order_id)
    await shop.browser_confirms("pm_card_visa")

    await _pass(shop, 61)

    payment = await shop.payment(payload["payment"]["id"])
    assert (payment["status"], payment["amountCaptured"], payment["order"]["paymentStatus"]) == (
        "SUCCEEDED",
        {"amount": 10_000},
        "PAID",
    )
    assert (await Operation.get(kind=KIND)).state == "FAILED"


async def test_what_was_never_sent_is_given_up_without_a_call(shop: Shop) -> None:
    order_id, one_key = await _prepared(shop, "pm_card_visa"), key()
    shop.sandbox.fault(kind="rate_limit_429", method="POST", path=INTENTS, times=MANY)
    waiting = await pay_off_session(shop, order_id, with_key=one_key)
    before = len(_sent(shop))

    canceled = await shop.buyer.do("cancelPayment", input={"paymentId": waiting["payment"]["id"]}, key=key())
    shop.sandbox.clear_faults()
    again = await pay_off_session(shop, order_id, with_key=one_key)
    paid = await shop.pay(order_id)

    assert [error["code"] for error in waiting["errors"]] == ["PROVIDER_UNAVAILABLE"]
    assert (canceled["errors"], canceled["payment"]["status"]) == ([], "CANCELED")
    assert [error["code"] for error in again["errors"]] == ["INVALID_STATE"]
    assert (paid["errors"], len(_sent(shop))) == ([], before + 1)


# -- by a person -------------------------------------------------------------------------------------------------------


async def _needs_review(shop: Shop, behaves: str) -> tuple[Json, str]:
    """Lose the answer of a charge, and every look for it; returns the payment and the operation's id."""
    order_id = await _prepared(shop, behaves)
    shop.sandbox.fault(kind="drop_after", method="POST", path=INTENTS)
    payload = await pay_off_session(shop, order_id)
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/payment_intents.*", times=MANY)
    await _pass(shop, 21 * HOUR)
    assert (await Operation.get(kind=KIND)).state == "NEEDS_REVIEW"
    shop.sandbox.clear_faults()
    return payload["payment"], payload["operation"]["id"]


@pytest.mark.parametrize("behaves", ENDS)
async def test_a_person_shows_the_intent_and_the_attempt_ends_as_it_did(shop: Shop, behaves: str) -> None:
    payment, operation_id = await _needs_review(shop, behaves)
    intent = shop.sandbox.snapshot().payment_intents[-1]

    settled = await shop.staff.ask(RESOLVE, id=operation_id, outcome="HAPPENED", stripeId=intent["id"])

    assert settled["resolveOperation"]["errors"] == []
    assert await _end(shop, payment["id"]) == ENDS[behaves]


async def test_a_person_who_says_that_nothing_happened_does_not_close_what_stripe_has(shop: Shop) -> None:
    """The charge was declined: the intent is there, and the payment waits for its buyer."""
    payment, operation_id = await _needs_review(shop, "pm_card_chargeDeclined")

    settled = await shop.staff.ask(RESOLVE, id=operation_id, outcome="DID_NOT_HAPPEN")

    assert settled["resolveOperation"]["operation"]["state"] == "FAILED"
    assert (await shop.payment(payment["id"]))["status"] == "REQUIRES_PAYMENT_METHOD"


async def test_nobody_rules_that_a_charge_did_not_happen_while_stripe_shows_it(shop: Shop) -> None:
    payment, operation_id = await _needs_review(shop, "pm_card_visa")

    refused = await shop.staff.ask(RESOLVE, id=operation_id, outcome="DID_NOT_HAPPEN")

    assert [error["code"] for error in refused["resolveOperation"]["errors"]] == ["INVALID_STATE"]
    assert (await shop.payment(payment["id"]))["status"] != "CANCELED"
