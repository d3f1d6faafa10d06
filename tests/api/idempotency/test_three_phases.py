"""The network is never inside a transaction, and a charge is only requested for an id that is stored."""

import pytest

from database.transactions import run_in_transaction
from models import Payment
from tests.support.shop import Shop, key


async def test_a_call_of_stripe_inside_a_transaction_is_refused(shop: Shop) -> None:
    """Every other test runs under this guard: none of their calls could have been made in a transaction."""
    calls = len(shop.sandbox.snapshot().requests)

    async def body() -> None:
        await shop.runtime.runner.provider.retrieve_payment("pi_any")

    with pytest.raises(RuntimeError, match="inside a transaction"):
        await run_in_transaction(body)
    assert len(shop.sandbox.snapshot().requests) == calls


async def test_the_intents_id_is_stored_before_money_is_asked_for(shop: Shop) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind="drop_before", method="POST", path="/v1/payment_intents/[^/]+/confirm", times=1_000)
    sent: list[str | None] = []
    transport = shop.runtime.runner.provider._http
    send = transport.request_async

    async def watched(method: str, url: str, headers: object, post_data: object = None) -> object:
        if url.endswith("/confirm"):
            [payment] = await Payment.all()
            sent.append(payment.stripe_payment_intent_id)
        return await send(method, url, headers, post_data)  # type: ignore[arg-type]  # handed on as it came

    transport.request_async = watched  # type: ignore[method-assign, assignment]  # to look, not to change
    await shop.pay(order_id, with_key=key())

    [intent] = shop.sandbox.snapshot().payment_intents
    assert sent
    assert set(sent) == {intent["id"]}
