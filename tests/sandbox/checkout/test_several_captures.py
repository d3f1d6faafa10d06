"""Several captures of one authorization, more than was authorized, and the lock of a running confirmation."""

import asyncio

import pytest
import stripe

from tests.sandbox.objects.test_changes import FLEXIBLE
from tests.sandbox.stripe_account import DAY, StripeAccount


async def _piece(account: StripeAccount, identity: str, amount: int, *, final: bool = False) -> None:
    await account.v1.payment_intents.capture_async(identity, {"amount_to_capture": amount, "final_capture": final})


async def test_each_capture_is_reported_and_the_last_one_ends_it(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)
    before = len(account.events())

    await _piece(account, held.id, 3_000)
    await _piece(account, held.id, 2_000, final=True)

    made = account.events()[before:]
    assert [event["type"] for event in made] == [
        "charge.updated",
        "payment_intent.amount_capturable_updated",
        "charge.updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]
    taken = [
        event["data"]["previous_attributes"]["amount_captured"]
        for event in made
        if "previous_attributes" in event["data"]
    ]
    assert taken == [0, 3_000]


async def test_one_capture_is_reported_once(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)
    before = len(account.events())

    await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 4_000})

    assert [event["type"] for event in account.events()[before:]] == ["charge.captured", "payment_intent.succeeded"]


async def test_what_was_taken_of_a_hold_is_refunded_before_its_end(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)
    with pytest.raises(stripe.InvalidRequestError) as early:
        await account.refund(held, 1_000)
    await _piece(account, held.id, 3_000)

    refund = await account.refund(held, 1_000)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.refund(held, 2_001)
    await _piece(account, held.id, 2_000, final=True)

    charge = (await account.again(held)).latest_charge
    assert (early.value.code, caught.value.code) == ("charge_not_refundable", "amount_too_large")
    assert (refund.status, charge.amount_captured, charge.amount_refunded) == ("succeeded", 5_000, 1_000)


async def test_the_end_of_a_hold_is_reported_as_its_last_capture(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)
    await _piece(account, held.id, 3_000)
    before = len(account.events())

    account.sandbox.advance(31 * DAY)

    assert [event["type"] for event in account.events()[before:]] == ["charge.captured", "payment_intent.succeeded"]


async def test_more_than_stripes_limit_is_not_held(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.increment_authorization_async(held.id, {"amount": 100_000_000})

    assert caught.value.code == "amount_too_large"


async def test_ten_increments_are_the_most_also_when_they_are_declined(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)
    account.sandbox.set_up(increments="declined")
    for _ in range(10):
        with pytest.raises(stripe.CardError):
            await account.v1.payment_intents.increment_authorization_async(held.id, {"amount": 11_000})

    account.sandbox.set_up(increments="approved")
    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.payment_intents.increment_authorization_async(held.id, {"amount": 11_000})

    assert (await account.again(held)).amount == 10_000


async def test_a_running_confirmation_holds_the_lock_of_its_intent(account: StripeAccount) -> None:
    intent, other = await account.intent(), await account.intent()
    url = f"/v1/payment_intents/{intent.id}"
    number = account.sandbox.fault(kind="hold_before", path=f"{url}/confirm", locks=True)
    confirming = asyncio.create_task(account.http.post(f"{url}/confirm"))
    while not account.sandbox.faults()[0]["fired"]:
        await asyncio.sleep(0.01)

    locked = await account.http.post(url, data={"amount": "9000"})
    free = await account.http.post(f"/v1/payment_intents/{other.id}", data={"amount": "9000"})
    account.sandbox.clear_faults(number)
    confirmed = await confirming
    late = await account.http.post(url, data={"amount": "9000"})

    assert (locked.status_code, locked.json()["error"]["code"]) == (429, "lock_timeout")
    assert (free.status_code, confirmed.json()["amount_received"]) == (200, 10_000)
    assert late.json()["error"]["code"] == "payment_intent_unexpected_state"
