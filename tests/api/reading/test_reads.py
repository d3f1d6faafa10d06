"""Reading: visibility, and the repairs that a read may start."""

import pytest

from domain.ids import Kind, encode
from models import Customer, Order
from tests.support.rows import row_id
from tests.support.shop import Client, Json, Shop, key, token

EVERYTHING = """query E($id: ID!, $order: ID!, $refund: ID!, $customer: ID!, $name: String!, $ids: [ID!]!) {
  payment(id: $id) { id } order(id: $order) { id } byName: order(externalId: $name) { id } refund(id: $refund) { id }
  customer(id: $customer) { id } node(id: $id) { id } nodes(ids: $ids) { id }
  payments { totalCount nodes { id } } refunds { totalCount edges { node { id } } } }"""


async def test_a_buyer_sees_their_own_and_a_stranger_sees_nothing(shop: Shop) -> None:
    order_id = await shop.order()
    payment = (await shop.pay(order_id))["payment"]
    refund_id = (await shop.refund(payment["id"], 100))["refund"]["id"]
    order = await Order.get(id=row_id(order_id))
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
    assert set(anonymous["data"].values()) == {None}


@pytest.mark.parametrize("mutation", ["createPayment", "confirmPayment", "cancelPayment", "syncPayment"])
async def test_scenario_44_a_strangers_act_is_as_if_the_thing_did_not_exist(shop: Shop, mutation: str) -> None:
    order_id = await shop.order()
    payment_id = (await shop.pay(order_id, captureMethod="MANUAL"))["payment"]["id"]
    calls = len(shop.sandbox.snapshot().requests)

    answers = []
    for payment, order in ((payment_id, order_id), (encode(Kind.PAYMENT, row_id(order_id)), payment_id)):
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
             order(id: $order) { id customer { id } payments { nodes { id } } }
             mine: payment(id: $mine, maxStalenessMs: 0) { status customer { id } }
             other: payment(id: $other) { id } payments { nodes { id } } refunds { totalCount }
             viewer { scopes actor { kind subject } customer { id } } }""",
        order=order_id,
        mine=payment_id,
        other=other,
    )
    refused = await onlooker.do("cancelPayment", input={"paymentId": payment_id}, key=key())

    assert seen == {
        "order": {"id": order_id, "customer": None, "payments": {"nodes": [{"id": payment_id}]}},
        "mine": {"status": "REQUIRES_PAYMENT_METHOD", "customer": None},
        "other": None,
        "payments": {"nodes": [{"id": payment_id}]},
        "refunds": {"totalCount": 0},
        "viewer": {"scopes": [], "actor": {"kind": "CUSTOMER", "subject": None}, "customer": None},
    }
    assert [error["code"] for error in refused["errors"]] == ["FORBIDDEN"]


async def test_buyers_do_not_read_the_names_and_notes_of_the_staff(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.staff.do(
        "refundPayment",
        input={"paymentId": payment["id"], "reason": "OTHER", "note": "a difficult person"},
        key=key(),
    )
    query = """query N($id: ID!) { payment(id: $id) {
      stripePaymentIntentId refunds { note requestedBy { kind subject } }
      timeline { edges { node { actor { kind subject } } } } } }"""

    staffs = (await shop.staff.ask(query, id=payment["id"]))["payment"]
    buyers = (await shop.buyer.ask(query, id=payment["id"]))["payment"]

    assert staffs["refunds"] == [{"note": "a difficult person", "requestedBy": {"kind": "SERVICE", "subject": "clerk"}}]
    assert buyers["refunds"] == [{"note": None, "requestedBy": {"kind": "SERVICE", "subject": None}}]
    assert staffs["stripePaymentIntentId"].startswith("pi_")
    assert buyers["stripePaymentIntentId"] is None
    actors = [edge["node"]["actor"] for edge in buyers["timeline"]["edges"]]
    assert {"kind": "CUSTOMER", "subject": "buyer"} in actors
    assert {"kind": "SERVICE", "subject": None} in actors


async def test_an_order_that_changed_hands_keeps_its_earlier_attempts_from_the_next_buyer(shop: Shop) -> None:
    order_id = await shop.order()
    attempt = (await shop.pay(order_id, captureMethod="MANUAL"))["payment"]
    await shop.staff.do("cancelPayment", input={"paymentId": attempt["id"]}, key=key())
    stranger, _ = await Customer.get_or_create(external_id="stranger")
    await Order.filter(id=row_id(order_id)).update(customer_id=stranger.id)
    query = """query O($id: ID!, $p: ID!) {
      order(id: $id) { payments { totalCount nodes { id } } } payment(id: $p) { id } }"""

    seen = await shop.stranger.ask(query, id=order_id, p=attempt["id"])

    assert seen == {"order": {"payments": {"totalCount": 0, "nodes": []}}, "payment": None}


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


async def test_operators_see_that_events_came_and_not_what_they_say_of_payments(shop: Shop) -> None:
    await shop.paid()
    await shop.deliver()
    listed = "{ webhookEvents(first: 100) { nodes { id stripeEventId type state lastError payload } } }"
    one = "query E($id: ID!) { node(id: $id) { ... on WebhookEvent { id stripeEventId payload } } }"
    operator = Client(shop.http, token("operator", "ops:read"))
    support = Client(shop.http, token("support", "ops:read payments:read"))

    theirs, whole = [(await who.ask(listed))["webhookEvents"]["nodes"] for who in (operator, support)]
    alone = (await operator.ask(one, id=whole[0]["id"]))["node"]

    assert "payment_intent.succeeded" in [event["type"] for event in theirs]
    assert theirs == [event | {"payload": None} for event in whole]
    assert all(event["payload"]["id"] == event["stripeEventId"] for event in whole)
    assert alone == {"id": whole[0]["id"], "stripeEventId": whole[0]["stripeEventId"], "payload": None}
