"""Reading: who sees what, pages that neither skip nor repeat, filters that mean what they say, and few statements."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.errors import CardDeclined
from domain.ids import Kind, decode, encode
from domain.states import PaymentStatus, RefundReason, RefundStatus, RetryAdvice
from models import Customer, Order, Payment, Refund
from resolvers.cursors import Cursor, SortKey
from tests.shop import Client, Json, Shop, key

NOON = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
IDS = "query P($first: Int, $after: String, $last: Int, $before: String, $sort: PaymentSort!, $filter: PaymentFilter) {"
PAYMENTS = (
    IDS
    + """ payments(first: $first, after: $after, last: $last, before: $before, sort: $sort, filter: $filter) {
        edges { cursor node { id } } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
)


# -- factories -------------------------------------------------------------------------------------------------------


async def an_order(name: str, customer: Customer | None = None, currency: str = "USD") -> Order:
    return await Order.create(
        external_id=name, total_minor=10_000, currency=currency, customer_id=customer.id if customer else None
    )


async def a_payment(order: Order, number: int = 0, **changes: Any) -> Payment:
    """A finished payment. Its times are in pairs of equals, so that ids have to decide."""
    moment = NOON + timedelta(microseconds=number // 2)
    given: dict[str, Any] = {
        "order_id": order.id,
        "customer_id": order.customer_id,
        "livemode": False,
        "status": PaymentStatus.CANCELED,
        "currency": order.currency,
        "amount_minor": 100 + number // 3,
        "stripe_payment_intent_id": f"pi_{order.external_id}_{number}",
        **changes,
    }
    payment = await Payment.create(**given)
    await Payment.filter(id=payment.id).update(created_at=moment, updated_at=moment)
    await payment.refresh_from_db()
    return payment


async def a_refund(payment: Payment, amount: int = 10) -> Refund:
    return await Refund.create(
        payment_id=payment.id,
        livemode=False,
        amount_minor=amount,
        currency=payment.currency,
        status=RefundStatus.FAILED,
        reason=RefundReason.OTHER,
        note="seen by the staff",
        requested_by={"kind": "STAFF", "id": "clerk", "label": None},
    )


def wire(row: Payment) -> str:
    return encode(Kind.PAYMENT, row.id)


async def page(client: Client, **variables: Any) -> Json:
    answer = await client.ask(PAYMENTS, **{"sort": "CREATED_AT_DESC", **variables})
    connection: Json = answer["payments"]
    return connection


async def found(shop: Shop, filter: Json) -> set[str]:
    """The ids that a filter finds, for the staff."""
    connection = await page(shop.staff, first=100, filter=filter)
    assert connection["totalCount"] == len(connection["edges"])
    return {edge["node"]["id"] for edge in connection["edges"]}


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["CREATED_AT_DESC", "CREATED_AT_ASC", "UPDATED_AT_DESC", "AMOUNT_DESC", "AMOUNT_ASC"])
async def test_pages_neither_skip_nor_repeat_in_either_direction(shop: Shop, sort: str) -> None:
    order = await an_order("one")
    made = {wire(await a_payment(order, number)) for number in range(11)}

    forward: list[str] = []
    after = None
    while True:
        connection = await page(shop.staff, sort=sort, first=4, after=after)
        forward += [edge["node"]["id"] for edge in connection["edges"]]
        assert connection["pageInfo"]["hasPreviousPage"] is (after is not None)
        after = connection["pageInfo"]["endCursor"]
        if not connection["pageInfo"]["hasNextPage"]:
            break
    backward: list[str] = []
    before = None
    while True:
        connection = await page(shop.staff, sort=sort, last=4, before=before)
        backward = [edge["node"]["id"] for edge in connection["edges"]] + backward
        assert connection["pageInfo"]["hasNextPage"] is (before is not None)
        before = connection["pageInfo"]["startCursor"]
        if not connection["pageInfo"]["hasPreviousPage"]:
            break

    assert len(forward) == 11
    assert set(forward) == made
    assert backward == forward
    assert connection["totalCount"] == 11


async def test_a_page_lies_between_two_places(shop: Shop) -> None:
    order = await an_order("one")
    for number in range(6):
        await a_payment(order, number)
    edges = (await page(shop.staff, first=10))["edges"]

    between = await page(shop.staff, first=10, after=edges[0]["cursor"], before=edges[4]["cursor"])

    assert between["edges"] == edges[1:4]


async def test_a_cursor_of_another_order_is_refused(shop: Shop) -> None:
    await a_payment(await an_order("one"))
    cursor = (await page(shop.staff, first=1))["edges"][0]["cursor"]

    response = await shop.staff.post(PAYMENTS, {"sort": "AMOUNT_ASC", "after": cursor})

    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["reason"] == "VALIDATION_FAILED"
    assert "`after`" in error["message"]


async def test_nothing_is_a_page_too(shop: Shop) -> None:
    empty = {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}

    for client in (shop.staff, shop.buyer):
        assert await page(client) == {"edges": [], "totalCount": 0, "pageInfo": empty}


# -- filters ---------------------------------------------------------------------------------------------------------


async def test_filters_find_exactly_what_they_say(shop: Shop) -> None:
    customer = await Customer.create(external_id="ann")
    one, two = await an_order("web-100%_1", customer), await an_order("shop-2", currency="EUR")
    declined = CardDeclined(
        decline_code="lost_card",
        advice_code=None,
        network_decline_code=None,
        customer_message="No.",
        retry=RetryAdvice.DO_NOT_RETRY,
    )
    odd = """it's "%s\\" {0} $1 --"""
    kept = {"channel": "web", "lang": "de", "odd": odd}
    first = wire(await a_payment(one, 0, metadata=kept, amount_minor=500))
    second = await a_payment(one, 10, status=PaymentStatus.REQUIRES_PAYMENT_METHOD, last_error=declined.to_record())
    third = wire(await a_payment(two, 20, stripe_payment_intent_id=None))
    all_of_them = {first, wire(second), third}

    assert await found(shop, {}) == all_of_them
    assert await found(shop, {"status": ["CANCELED"]}) == {first, third}
    assert await found(shop, {"status": []}) == set()
    assert await found(shop, {"orderId": encode(Kind.ORDER, two.id)}) == {third}
    assert await found(shop, {"orderId": third}) == set()
    assert await found(shop, {"customerId": encode(Kind.CUSTOMER, customer.id)}) == {first, wire(second)}
    assert await found(shop, {"not": {"customerId": encode(Kind.CUSTOMER, customer.id)}}) == {third}
    assert await found(shop, {"currency": "eur"}) == {third}
    assert await found(shop, {"amount": {"gte": 500}}) == {first}
    assert await found(shop, {"amount": {"lte": 103}}) == {wire(second)}
    assert await found(shop, {"amount": {}}) == all_of_them
    assert await found(shop, {"createdAt": {"gte": "2026-01-31T12:00:00.123461Z"}}) == {wire(second), third}
    assert await found(shop, {"createdAt": {"lt": "2026-01-31T13:00:00.123461+01:00"}}) == {first}
    assert await found(shop, {"updatedAt": {"lt": "2026-01-31T12:00:00.123466Z"}}) == {first, wire(second)}
    assert await found(shop, {"declineCode": ["lost_card", "stolen_card"]}) == {wire(second)}
    assert await found(shop, {"declineCode": []}) == set()
    assert await found(shop, {"not": {"declineCode": ["lost_card"]}}) == {first, third}
    assert await found(shop, {"metadata": {"lang": "de"}}) == {first}
    assert await found(shop, {"metadata": {"lang": "de", "channel": "app"}}) == set()
    assert await found(shop, {"metadata": {"odd": odd}}) == {first}
    assert await found(shop, {"metadata": {"odd": "' OR true --"}}) == set()
    assert await found(shop, {"search": odd}) == set()
    assert await found(shop, {"search": "web-100%_1"}) == {first, wire(second)}
    assert await found(shop, {"search": "web-"}) == {first, wire(second)}
    assert await found(shop, {"search": "%"}) == set()
    assert await found(shop, {"search": "w_b-"}) == set()
    assert await found(shop, {"search": third}) == {third}
    assert await found(shop, {"search": second.stripe_payment_intent_id}) == {wire(second)}
    assert await found(shop, {"not": {"search": "web"}}) == {third}
    assert await found(shop, {"or": [{"currency": "EUR"}, {"amount": {"gte": 500}}]}) == {first, third}
    assert await found(shop, {"or": []}) == set()
    assert await found(shop, {"and": [{"status": ["CANCELED"]}, {"currency": "USD"}]}) == {first}
    assert await found(shop, {"and": []}) == all_of_them
    assert await found(shop, {"currency": "USD", "not": {"or": [{"search": "pi_x"}, {"amount": {"gte": 500}}]}}) == {
        wire(second)
    }


@pytest.mark.parametrize(
    "query",
    [
        '{ webhookEvents(type: ["\\u0000"]) { edges { cursor } } }',
        '{ webhookEvents(after: "MTpyZWNlaXZlZF9hdDo5OTk5OTk5OTk5OTk5OTk5OTk6MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA") '
        "{ edges { cursor } } }",
        '{ order(externalId: "\\u0000") { id } }',
        '{ payments(filter: {declineCode: ["\\u0000"]}) { nodes { id } } }',
        '{ payments(filter: {metadata: {a: "\\ud800"}}) { nodes { id } } }',
    ],
)
async def test_what_the_database_could_not_read_is_the_clients_mistake(shop: Shop, query: str) -> None:
    answer = (await shop.staff.post(query)).json()

    assert {error["extensions"]["code"] for error in answer["errors"]} <= {"BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED"}


async def test_cursors_at_the_edge_of_their_range_find_nothing(shop: Shop) -> None:
    payment = await shop.paid()
    far = Cursor(SortKey.SEQUENCE, 10**17, _row(payment["id"])).encode()
    late = Cursor(SortKey.CREATED_AT, datetime.max.replace(tzinfo=UTC), _row(payment["id"])).encode()
    rich = Cursor(SortKey.AMOUNT, 10**18 - 1, _row(payment["id"])).encode()

    seen = await shop.staff.ask(
        """query E($id: ID!, $far: String, $late: String, $rich: String) {
             payment(id: $id) { timeline(after: $far) { edges { cursor } } }
             late: payments(sort: CREATED_AT_ASC, after: $late) { nodes { id } }
             rich: payments(sort: AMOUNT_ASC, after: $rich) { nodes { id } } }""",
        id=payment["id"],
        far=far,
        late=late,
        rich=rich,
    )

    assert seen == {"payment": {"timeline": {"edges": []}}, "late": {"nodes": []}, "rich": {"nodes": []}}


# -- who sees what ---------------------------------------------------------------------------------------------------

EVERYTHING = """query E($id: ID!, $order: ID!, $refund: ID!, $customer: ID!, $name: String!, $ids: [ID!]!) {
  payment(id: $id) { id } order(id: $order) { id } byName: order(externalId: $name) { id } refund(id: $refund) { id }
  customer(id: $customer) { id } node(id: $id) { id } nodes(ids: $ids) { id }
  payments { totalCount nodes { id } } refunds { totalCount edges { node { id } } } }"""


async def test_a_buyer_sees_their_own_and_a_stranger_sees_nothing(shop: Shop) -> None:
    order_id = await shop.order()
    payment = (await shop.pay(order_id))["payment"]
    refund_id = (await shop.refund(payment["id"], 100))["refund"]["id"]
    order = await Order.get(id=_row(order_id))
    customer_id = encode(Kind.CUSTOMER, order.customer_id or order.id)
    ids = [payment["id"], order_id, refund_id, customer_id]
    given = {
        "id": payment["id"],
        "order": order_id,
        "refund": refund_id,
        "customer": customer_id,
        "name": order.external_id,
        "ids": ids,
    }

    own = await shop.buyer.ask(EVERYTHING, **given)
    staffs = await shop.staff.ask(EVERYTHING, **given)
    strangers = await shop.stranger.ask(EVERYTHING, **given)
    anonymous = (await shop.anonymous.post(EVERYTHING, given)).json()

    assert own == staffs
    assert [node["id"] for node in own["nodes"]] == ids
    assert own["payments"] == {"totalCount": 1, "nodes": [{"id": payment["id"]}]}
    assert own["refunds"] == {"totalCount": 1, "edges": [{"node": {"id": refund_id}}]}
    assert strangers == {
        **dict.fromkeys(("payment", "order", "byName", "refund", "customer", "node")),
        "nodes": [None] * 4,
        "payments": {"totalCount": 0, "nodes": []},
        "refunds": {"totalCount": 0, "edges": []},
    }
    assert {error["extensions"]["code"] for error in anonymous["errors"]} == {"UNAUTHENTICATED"}
    assert not anonymous.get("data")


@pytest.mark.parametrize("mutation", ["createPayment", "confirmPayment", "cancelPayment", "syncPayment"])
async def test_scenario_44_a_strangers_act_is_as_if_the_thing_did_not_exist(shop: Shop, mutation: str) -> None:
    order_id = await shop.order()
    payment_id = (await shop.pay(order_id, captureMethod="MANUAL"))["payment"]["id"]
    calls = len(shop.sandbox.snapshot().requests)

    answers = []
    for payment, order in ((payment_id, order_id), (encode(Kind.PAYMENT, _row(order_id)), payment_id)):
        variables: dict[str, Json] = {
            "createPayment": {"input": {"orderId": order, "expectedAmount": {"amount": 10_000, "currency": "USD"}}},
            "confirmPayment": {"paymentId": payment, "paymentMethodId": "pm_card_visa"},
            "cancelPayment": {"input": {"paymentId": payment}},
            "syncPayment": {"paymentId": payment},
        }
        keyed = {} if mutation == "syncPayment" else {"key": key()}
        answers.append(await shop.stranger.do(mutation, **variables[mutation], **keyed))

    for answer in answers:
        [error] = answer["errors"]
        assert (error["code"], answer["payment"], answer["operation"]) == ("NOT_FOUND", None, None)
        error["requestId"] = ""
    assert answers[0] == answers[1]
    assert len(shop.sandbox.snapshot().requests) == calls


async def test_a_view_token_shows_one_order_and_nothing_else(shop: Shop) -> None:
    other = (await shop.paid())["id"]
    order_id = await shop.order()
    created = await shop.buyer.ask(
        """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
             createPayment(input: $input, idempotencyKey: $key) { viewToken payment { id } } }""",
        input={"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}},
        key=key(),
    )
    payment_id = created["createPayment"]["payment"]["id"]
    onlooker = Client(shop.http, created["createPayment"]["viewToken"])

    seen = await onlooker.ask(
        """query V($order: ID!, $mine: ID!, $other: ID!) {
             order(id: $order) { id customer { id } payments { nodes { id clientSecret } } }
             mine: payment(id: $mine, maxStalenessMs: 0) { status clientSecret nextAction { type } customer { id } }
             other: payment(id: $other) { id } payments { nodes { id } } refunds { totalCount } viewer { id } }""",
        order=order_id,
        mine=payment_id,
        other=other,
    )
    refused = await onlooker.do("cancelPayment", input={"paymentId": payment_id}, key=key())

    assert seen == {
        "order": {"id": order_id, "customer": None, "payments": {"nodes": [{"id": payment_id, "clientSecret": None}]}},
        "mine": {"status": "REQUIRES_PAYMENT_METHOD", "clientSecret": None, "nextAction": None, "customer": None},
        "other": None,
        "payments": {"nodes": [{"id": payment_id}]},
        "refunds": {"totalCount": 0},
        "viewer": {"id": None},
    }
    assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN"]


async def test_buyers_do_not_read_the_names_and_notes_of_the_staff(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.staff.do(
        "refundPayment",
        input={"paymentId": payment["id"], "reason": "OTHER", "note": "a difficult person"},
        key=key(),
    )
    query = """query N($id: ID!) { payment(id: $id) { stripePaymentIntentId refunds { note requestedBy { kind id } }
      timeline { edges { node { actor { kind id } } } } } }"""

    staffs = (await shop.staff.ask(query, id=payment["id"]))["payment"]
    buyers = (await shop.buyer.ask(query, id=payment["id"]))["payment"]

    assert staffs["refunds"] == [{"note": "a difficult person", "requestedBy": {"kind": "SERVICE", "id": "clerk"}}]
    assert buyers["refunds"] == [{"note": None, "requestedBy": {"kind": "SERVICE", "id": None}}]
    assert staffs["stripePaymentIntentId"].startswith("pi_")
    assert buyers["stripePaymentIntentId"] is None
    actors = [edge["node"]["actor"] for edge in buyers["timeline"]["edges"]]
    assert {"kind": "CUSTOMER", "id": "buyer"} in actors
    assert {"kind": "SERVICE", "id": None} in actors


async def test_an_order_that_changed_hands_keeps_its_earlier_attempts_from_the_next_buyer(shop: Shop) -> None:
    order_id = await shop.order()
    attempt = (await shop.pay(order_id, captureMethod="MANUAL"))["payment"]
    await shop.buyer.do("cancelPayment", input={"paymentId": attempt["id"]}, key=key())
    stranger, _ = await Customer.get_or_create(external_id="stranger")
    await Order.filter(id=_row(order_id)).update(customer_id=stranger.id)
    query = """query O($id: ID!, $p: ID!) {
      order(id: $id) { payments { totalCount nodes { id } } } payment(id: $p) { id } }"""

    seen = await shop.stranger.ask(query, id=order_id, p=attempt["id"])

    assert seen == {"order": {"payments": {"totalCount": 0, "nodes": []}}, "payment": None}


# -- statements ------------------------------------------------------------------------------------------------------


async def test_a_page_of_fifty_payments_takes_as_many_statements_as_a_page_of_two(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(50):
        order = await an_order(f"order-{number}", await Customer.create(external_id=f"customer-{number}"))
        await a_refund(await a_payment(order, number))
    query = """query W($first: Int) { payments(first: $first) { totalCount nodes { id supersedes { id }
      order { id payments(first: 1) { totalCount nodes { id } } } customer { email }
      refunds { id payment { id } } timeline(first: 2) { edges { node { id } } } } } }"""
    caplog.set_level(logging.DEBUG, logger="tortoise.db_client")

    statements = []
    for first in (2, 50):
        caplog.clear()
        answer = await shop.staff.ask(query, first=first)
        assert len(answer["payments"]["nodes"]) == first
        statements.append(len([r for r in caplog.records if r.name == "tortoise.db_client"]))

    assert statements[0] == statements[1] <= 10, statements


# -- the rest --------------------------------------------------------------------------------------------------------


async def test_the_timeline_has_pages(shop: Shop) -> None:
    payment = await shop.paid()
    query = """query T($id: ID!, $after: String) { payment(id: $id) { timeline(first: 2, after: $after) {
      edges { node { sequence type hash order { id } payment { id } } } pageInfo { hasNextPage endCursor } } } }"""

    one = (await shop.buyer.ask(query, id=payment["id"]))["payment"]["timeline"]
    two = (await shop.buyer.ask(query, id=payment["id"], after=one["pageInfo"]["endCursor"]))["payment"]["timeline"]

    events = [edge["node"] for edge in one["edges"] + two["edges"]]
    assert one["pageInfo"]["hasNextPage"] is True
    assert two["pageInfo"]["hasNextPage"] is False
    assert [event["sequence"] for event in events] == [2, 3, 4]
    assert {event["payment"]["id"] for event in events} == {payment["id"]}
    assert len({event["hash"] for event in events}) == 3


async def test_a_stale_payment_is_compared_with_stripe_first(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    query = "query S($id: ID!, $ms: Int) { payment(id: $id, maxStalenessMs: $ms) { status lastSyncedAt } }"

    def calls() -> int:
        return len(shop.sandbox.snapshot().requests)

    before = calls()
    as_it_is = (await shop.buyer.ask(query, id=held["id"]))["payment"]
    after_reading = calls()
    asked = (await shop.buyer.ask(query, id=held["id"], ms=0))["payment"]
    after_asking = calls()
    fresh = (await shop.buyer.ask(query, id=held["id"], ms=60_000))["payment"]

    assert as_it_is["status"] == asked["status"] == fresh["status"] == "REQUIRES_CAPTURE"
    assert asked["lastSyncedAt"] is not None
    assert (after_reading - before, after_asking - after_reading > 0, calls() - after_asking) == (0, True, 0)


async def test_operators_see_the_inbox_and_replay_it(shop: Shop) -> None:
    await shop.paid()
    await shop.deliver()
    query = """{ webhookEvents(state: [PROCESSED]) { edges { node {
      id stripeEventId type state attempts deliveryLagMs payload } } } }"""
    replay = "mutation R($ids: [ID!]!, $dry: Boolean!) { replayWebhookEvents(ids: $ids, dryRun: $dry) { ok affected } }"

    edges = (await shop.staff.ask(query))["webhookEvents"]["edges"]
    ids = [edge["node"]["id"] for edge in edges]
    dry = await shop.staff.ask(replay, ids=ids, dry=True)
    unchanged = len((await shop.staff.ask(query))["webhookEvents"]["edges"])
    done = await shop.staff.ask(replay, ids=[*ids, "webhook_x"], dry=False)
    waiting = len((await shop.staff.ask(query))["webhookEvents"]["edges"])
    refused = (await shop.buyer.post(query)).json()["errors"][0]["extensions"]

    assert "payment_intent.succeeded" in [edge["node"]["type"] for edge in edges]
    assert "client_secret" not in str([edge["node"]["payload"] for edge in edges])
    assert dry == {"replayWebhookEvents": {"ok": True, "affected": len(ids)}}
    assert unchanged == len(ids)
    assert done == dry
    assert waiting == 0
    assert refused["code"] == "FORBIDDEN"


def _row(text: str) -> UUID:
    decoded = decode(text)
    assert decoded is not None
    return decoded[1]
