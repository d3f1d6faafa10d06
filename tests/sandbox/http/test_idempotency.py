"""Idempotency keys: the same request once, another request never, and all forgotten after a day."""

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import DAY, StripeAccount

NEW = {"amount": 10_000, "currency": "usd", "payment_method": "pm_card_visa"}


def _headers(thing: Any) -> Any:
    return thing.last_response.headers


async def test_a_repeated_request_gets_the_first_answer(account: StripeAccount) -> None:
    first = await account.v1.payment_intents.create_async(NEW, {"idempotency_key": "k1"})
    await account.v1.payment_intents.update_async(first.id, {"description": "changed since"})

    again = await account.v1.payment_intents.create_async(dict(reversed(NEW.items())), {"idempotency_key": "k1"})

    assert (again.id, again.description) == (first.id, None)
    assert _headers(again)["idempotent-replayed"] == "true"
    assert _headers(again)["original-request"] == first.last_response.request_id
    assert again.last_response.request_id != first.last_response.request_id
    assert "idempotent-replayed" not in _headers(first)
    log = [(r["path"], r["idempotency_key"], r["replayed"]) for r in account.sandbox.snapshot().requests]
    assert [entry for entry in log if entry[1] == "k1"] == [
        ("/v1/payment_intents", "k1", 0),
        ("/v1/payment_intents", "k1", 1),
    ]
    assert len(account.sandbox.snapshot().payment_intents) == 1


@pytest.mark.parametrize(("service", "given"), [("payment_intents", {**NEW, "amount": 9_999}), ("customers", {})])
async def test_a_key_stands_for_one_request(account: StripeAccount, service: str, given: dict[str, Any]) -> None:
    await account.v1.payment_intents.create_async(NEW, {"idempotency_key": "k1"})

    with pytest.raises(stripe.IdempotencyError) as caught:
        await getattr(account.v1, service).create_async(given, {"idempotency_key": "k1"})

    assert (caught.value.http_status, len(account.sandbox.snapshot().payment_intents)) == (400, 1)
    assert account.sandbox.snapshot().customers == []


async def test_a_decline_is_kept_as_well(account: StripeAccount) -> None:
    intent = await account.intent("pm_card_chargeDeclined")
    bodies = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            await account.v1.payment_intents.confirm_async(intent.id, {}, {"idempotency_key": "k1"})
        bodies.append(caught.value.http_body)

    assert bodies[0] == bodies[1]
    assert len(account.sandbox.snapshot().charges) == 1


async def test_what_was_refused_on_the_way_is_kept_and_leaves_nothing(account: StripeAccount) -> None:
    given = {**NEW, "confirm": True}  # may redirect, and has no return_url: found while it is executed
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await account.v1.payment_intents.create_async(given, {"idempotency_key": "k1"})

    assert (caught.value.param, caught.value.headers["idempotent-replayed"]) == ("return_url", "true")  # type: ignore[index]
    assert account.sandbox.snapshot().payment_intents == []
    assert account.events() == []


async def test_what_was_never_executed_leaves_its_key_free(account: StripeAccount) -> None:
    for wrong in ({"amount": 1}, {"colour": "red"}, {"currency": "zzz"}):
        with pytest.raises(stripe.InvalidRequestError):
            await account.v1.payment_intents.create_async({**NEW, **wrong}, {"idempotency_key": "k1"})

    intent = await account.v1.payment_intents.create_async(NEW, {"idempotency_key": "k1"})

    assert intent.status == "requires_confirmation"


async def test_a_key_is_forgotten_after_a_day_and_would_charge_again(account: StripeAccount) -> None:
    first = await account.v1.payment_intents.create_async(NEW, {"idempotency_key": "k1"})
    account.sandbox.advance(DAY - 60)
    within = await account.v1.payment_intents.create_async(NEW, {"idempotency_key": "k1"})

    account.sandbox.advance(120)
    after = await account.v1.payment_intents.create_async(NEW, {"idempotency_key": "k1"})

    assert within.id == first.id
    assert after.id != first.id


async def test_a_get_has_no_key(account: StripeAccount) -> None:
    intent = await account.intent()

    for _ in range(2):
        response = await account.http.get(f"/v1/payment_intents/{intent.id}", headers={"Idempotency-Key": "k1"})
        assert "idempotent-replayed" not in response.headers


async def test_an_overlong_key_is_refused(account: StripeAccount) -> None:
    with pytest.raises(stripe.IdempotencyError):
        await account.v1.payment_intents.create_async(NEW, {"idempotency_key": "k" * 256})

    assert account.sandbox.snapshot().payment_intents == []
