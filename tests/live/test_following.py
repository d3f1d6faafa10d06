"""Following a payment or an order: the current state at once, then every change, in order, each once."""

import pytest

from domain.caller import Scope
from tests.live.following import ORDER, PAYMENT, Ended, Subscriber, chain, following, note
from tests.support.shop import Json, Shop, key, token

UNKNOWN = {
    "a missing payment": (PAYMENT, "payment_01h455vb4pex5vsknk084sn02q"),
    "a missing order": (ORDER, "order_01h455vb4pex5vsknk084sn02q"),
    "no id": (PAYMENT, "nonsense"),
    "an id of something else": (PAYMENT, "order_01h455vb4pex5vsknk084sn02q"),
}


async def test_who_begins_to_follow_sees_at_once_how_things_stand(shop: Shop, address: str) -> None:
    payment = await shop.paid()

    async with following(address, shop.buyer.token, PAYMENT, id=payment["id"]) as one:
        event = await one.next()
    async with following(address, shop.buyer.token, ORDER, id=payment["order"]["id"]) as other:
        assert await other.next() == event

    assert (event["type"], event["toStatus"]) == ("payment.succeeded", "SUCCEEDED")
    assert event["payment"]["status"] == "SUCCEEDED"
    assert event["order"] == {"id": payment["order"]["id"], "paymentStatus": "PAID"}


async def test_every_change_comes_in_order_and_once(shop: Shop, address: str, database_url: str) -> None:
    """By a mutation, by Stripe's webhook after the browser confirmed, by capture and by refund."""
    order_id = await shop.order()
    await shop.capture(order_id, "MANUAL")
    async with following(address, shop.buyer.token, ORDER, id=order_id, after=0) as all_of_it:
        first = await all_of_it.next()
        payload = await shop.buyer.do(
            "createPayment",
            input={"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}},
            key=key(),
        )
        payment_id = payload["payment"]["id"]
        async with following(address, shop.buyer.token, PAYMENT, id=payment_id) as of_payment:
            await of_payment.next()
            await shop.browser_confirms("pm_card_visa")
            await shop.deliver()
            await shop.staff.do("capturePayment", input={"paymentId": payment_id}, key=key())
            await shop.refund(payment_id, 4_000)
            await shop.refund(payment_id)
            await shop.deliver()
            trail = await chain(database_url, order_id)
            await all_of_it.until(trail[-1][0])
            await of_payment.until(trail[-1][0])

    assert first["type"] == "order.registered"
    assert [(event["sequence"], event["type"]) for event in all_of_it.seen] == trail
    assert [(event["sequence"], event["type"]) for event in of_payment.seen] == trail[-len(of_payment.seen) :]
    assert len(trail) >= 6
    for subscriber in (all_of_it, of_payment):
        _is_fresh(subscriber)


def _is_fresh(subscriber: Subscriber) -> None:
    """Check that the payment beside an event is never older than the event, nor than an earlier one."""
    versions = [event["payment"]["version"] for event in subscriber.seen if event["payment"]]
    assert versions == sorted(versions)
    assert subscriber.seen[-1]["payment"]["status"] == "SUCCEEDED"
    assert subscriber.seen[-1]["order"]["paymentStatus"] == "REFUNDED"


async def test_who_resumes_after_any_event_misses_none(shop: Shop, address: str, database_url: str) -> None:
    payment = await shop.paid()
    for amount in (1_000, 2_000, 3_000):
        await shop.refund(payment["id"], amount)
    await shop.deliver()
    order_id = payment["order"]["id"]
    trail = await chain(database_url, order_id)

    for after in range(len(trail) + 1):
        async with following(address, shop.buyer.token, ORDER, id=order_id, after=after) as resumed:
            if after == len(trail):
                await shop.refund(payment["id"], 500)
                trail = await chain(database_url, order_id)
            await resumed.until(trail[-1][0])
            assert [(event["sequence"], event["type"]) for event in resumed.seen] == trail[after:]


async def test_a_long_story_is_told_from_its_beginning(shop: Shop, address: str, database_url: str) -> None:
    """Longer than a page, and longer than a process keeps."""
    external_id, order_id = "order-long", ""
    for n in range(120):
        registered = await shop.staff.do("registerOrder", input=_order(external_id, 1_000 + n), key=key())
        order_id = registered["order"]["id"]

    async with following(address, shop.staff.token, ORDER, id=order_id, after=0) as subscriber:
        await subscriber.until(120)

    assert subscriber.sequences == list(range(1, 121))


@pytest.mark.parametrize("after", [-1, 99])
async def test_nobody_resumes_from_where_nobody_was(shop: Shop, address: str, after: int) -> None:
    order_id = await shop.order()

    async with following(address, shop.buyer.token, ORDER, id=order_id, after=after) as subscriber:
        with pytest.raises(Ended) as ended:
            await subscriber.next()

    assert ended.value.reasons == [("BAD_USER_INPUT", "VALIDATION_FAILED")]


@pytest.mark.parametrize(("query", "identity"), UNKNOWN.values(), ids=UNKNOWN)
async def test_what_does_not_exist_cannot_be_followed(shop: Shop, address: str, query: str, identity: str) -> None:
    async with following(address, shop.staff.token, query, id=identity) as subscriber:
        with pytest.raises(Ended) as ended:
            await subscriber.next()

    assert ended.value.reasons == [("BAD_USER_INPUT", "NOT_FOUND")]


@pytest.mark.parametrize("after", [None, 0, 99])
async def test_what_is_somebody_elses_does_not_exist(shop: Shop, address: str, after: int | None) -> None:
    """Not even a wrong sequence to resume from is reported."""
    payment = await shop.paid()
    for query, identity in ((PAYMENT, payment["id"]), (ORDER, payment["order"]["id"])):
        refusals = [
            await _refusal(address, bearer, query, identity, after)
            for bearer in (shop.stranger.token, None, token("clerk", Scope.EXPLORER))
        ]
        assert refusals == [
            ("BAD_USER_INPUT", "NOT_FOUND"),
            ("UNAUTHENTICATED", "FORBIDDEN"),
            ("FORBIDDEN", "FORBIDDEN"),
        ]


async def _refusal(
    address: str, bearer: str | None, query: str, identity: str, after: int | None = None
) -> tuple[str, str]:
    async with following(address, bearer, query, id=identity, after=after) as subscriber:
        with pytest.raises(Ended) as ended:
            await subscriber.next()
    [reason] = ended.value.reasons
    return reason


async def test_a_view_token_follows_its_order_and_nothing_else(shop: Shop, address: str) -> None:
    other = await shop.paid()
    order_id = await shop.order()
    created = await shop.buyer.ask(
        """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
             createPayment(input: $input, idempotencyKey: $key) { viewToken payment { id } } }""",
        input={"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}},
        key=key(),
    )
    view, payment_id = created["createPayment"]["viewToken"], created["createPayment"]["payment"]["id"]

    async with (
        following(address, view, PAYMENT, id=payment_id) as of_payment,
        following(address, view, ORDER, id=order_id) as of_order,
    ):
        assert (await of_payment.next())["payment"]["id"] == payment_id
        assert (await of_order.next())["payment"]["id"] == payment_id
        await shop.browser_confirms("pm_card_visa")
        await shop.deliver()
        while (await of_payment.next())["toStatus"] != "SUCCEEDED":
            pass
        while (await of_order.next())["toStatus"] != "SUCCEEDED":
            pass
    assert await _refusal(address, view, PAYMENT, other["id"]) == ("BAD_USER_INPUT", "NOT_FOUND")
    assert await _refusal(address, view, ORDER, other["order"]["id"]) == ("BAD_USER_INPUT", "NOT_FOUND")


async def test_an_order_that_becomes_somebody_elses_is_followed_no_more(shop: Shop, address: str) -> None:
    registered = await shop.staff.do("registerOrder", input=_order("order-1", 1_000, "buyer"), key=key())
    async with following(address, shop.buyer.token, ORDER, id=registered["order"]["id"]) as subscriber:
        await subscriber.next()

        await shop.staff.do("registerOrder", input=_order("order-1", 2_000, "stranger"), key=key())

        with pytest.raises(Ended) as ended:
            await subscriber.next()
    assert ended.value.reasons == [("BAD_USER_INPUT", "NOT_FOUND")]
    assert len(subscriber.seen) == 1


async def test_what_was_while_an_order_was_anothers_is_not_told(shop: Shop, address: str) -> None:
    """The buyer gave up, and the order is somebody else's now."""
    registered = await shop.staff.do("registerOrder", input=_order("order-1", 1_000, "buyer"), key=key())
    order_id = registered["order"]["id"]
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": 1_000, "currency": "USD"}}
    payment = (await shop.buyer.do("createPayment", input=given, key=key()))["payment"]
    await shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())
    await shop.staff.do("registerOrder", input=_order("order-1", 1_000, "stranger"), key=key())
    await note(payment)

    async with (
        following(address, shop.stranger.token, ORDER, id=order_id) as now,
        following(address, shop.stranger.token, ORDER, id=order_id, after=0) as all_of_it,
    ):
        assert (await now.next())["type"] == "order.updated"
        await shop.staff.do("registerOrder", input=_order("order-1", 1_000, "stranger"), key=key())
        await now.next()
        await all_of_it.until(now.sequences[-1])

    assert [event["type"] for event in now.seen] == ["order.updated"] * 2
    assert [event["type"] for event in all_of_it.seen] == ["order.updated"] * 2


def _order(external_id: str, amount: int, customer: str = "buyer") -> Json:
    return {
        "externalId": external_id,
        "total": {"amount": amount, "currency": "USD"},
        "customerExternalId": customer,
    }
