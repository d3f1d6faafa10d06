"""Two successive owners of one order: neither sees what the other did, nor does the other's view token."""

from dataclasses import dataclass

import pytest

from domain.ids import Kind, encode
from models import PaymentEvent
from tests.support.shop import Client, Json, Shop, key

FIRST_PRICE, SECOND_PRICE = 10_000, 7_700
AMOUNTS = ("total", "amountDue", "amountPayable")
PAYING = """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
  createPayment(input: $input, idempotencyKey: $key) {
    viewToken replayed errors { code } payment { id order { id paymentStatus } } } }"""
ORDER = """query O($id: ID!) { order(id: $id) {
  id total { amount } amountPaid { amount } payments { totalCount nodes { id metadata } } } }"""
OF_PAYMENT = """query P($id: ID!) { payment(id: $id) { id order {
  id externalId paymentStatus total { amount } amountPaid { amount } amountDue { amount } amountRefunded { amount }
  payments { totalCount nodes { id } } customer { externalId } } } }"""


@dataclass
class Handed:
    """An order that the buyer gave up and the stranger paid, cheaper; the payments and view tokens of both."""

    order_id: str
    external_id: str
    first: Json
    first_key: str
    first_view: Client
    second: Json
    second_view: Client


def _registered(external_id: str, owner: str | None, price: int) -> Json:
    given: Json = {"externalId": external_id, "total": {"amount": price, "currency": "USD"}}
    return given | ({"customerExternalId": owner} if owner is not None else {})


async def _pay(client: Client, order_id: str, price: int, used: str, **more: object) -> Json:
    given = {"orderId": order_id, "expectedAmount": {"amount": price, "currency": "USD"}}
    payload: Json = (await client.ask(PAYING, input=given | more, key=used))["createPayment"]
    return payload


async def changes_hands(shop: Shop, *, to: str | None = "stranger") -> Handed:
    registered = await shop.staff.do("registerOrder", input=_registered("order-1", "buyer", FIRST_PRICE), key=key())
    order_id, first_key = registered["order"]["id"], key()
    first = await _pay(shop.buyer, order_id, FIRST_PRICE, first_key, metadata={"gift": "for my wife"})
    await shop.buyer.do("cancelPayment", input={"paymentId": first["payment"]["id"]}, key=key())
    await shop.staff.do("registerOrder", input=_registered("order-1", to, SECOND_PRICE), key=key())
    payer = shop.stranger if to is not None else shop.staff
    card = {"paymentMethodId": "pm_card_visa", "confirm": True}
    second = await _pay(payer, order_id, SECOND_PRICE, key(), **card)
    views = [Client(shop.http, payload["viewToken"]) for payload in (first, second)]
    return Handed(order_id, "order-1", first["payment"], first_key, views[0], second["payment"], views[1])


async def test_who_pays_later_does_not_see_what_an_earlier_owner_tried(shop: Shop) -> None:
    handed = await changes_hands(shop)
    query = """query P($id: ID!) { payment(id: $id) {
      supersedes { id metadata } order { payments { totalCount nodes { id } } } } }"""

    seen = (await shop.stranger.ask(query, id=handed.second["id"]))["payment"]
    staffs = (await shop.staff.ask(query, id=handed.second["id"]))["payment"]

    assert seen["supersedes"] is None
    assert seen["order"]["payments"] == {"totalCount": 1, "nodes": [{"id": handed.second["id"]}]}
    assert staffs["supersedes"] == {"id": handed.first["id"], "metadata": {"gift": "for my wife"}}
    assert staffs["order"]["payments"]["totalCount"] == 2


async def test_who_gave_up_does_not_see_how_the_next_owner_pays(shop: Shop) -> None:
    """They keep what their own payment showed them of the order, and learn no more of it."""
    handed = await changes_hands(shop)

    by_id = (await shop.buyer.ask(ORDER, id=handed.order_id))["order"]
    seen = (await shop.buyer.ask(OF_PAYMENT, id=handed.first["id"]))["payment"]["order"]

    assert by_id is None
    assert seen == {
        "id": handed.order_id,
        "externalId": "order-1",
        "paymentStatus": "UNPAID",
        "total": {"amount": FIRST_PRICE},
        "amountPaid": {"amount": 0},
        "amountDue": {"amount": FIRST_PRICE},
        "amountRefunded": {"amount": 0},
        "payments": {"totalCount": 1, "nodes": [{"id": handed.first["id"]}]},
        "customer": {"externalId": "buyer"},
    }


async def test_who_gave_a_part_up_sees_no_more_of_it_than_their_part(shop: Shop) -> None:
    shared = {"allowPartialPayments": True}
    given = _registered("order-1", "buyer", FIRST_PRICE) | shared
    order_id = (await shop.staff.do("registerOrder", input=given, key=key()))["order"]["id"]
    part = {"partialAmount": {"amount": 4_000, "currency": "USD"}}
    first = await _pay(shop.buyer, order_id, FIRST_PRICE, key(), **part)
    await shop.buyer.do("cancelPayment", input={"paymentId": first["payment"]["id"]}, key=key())
    await shop.staff.do("registerOrder", input=_registered("order-1", "stranger", SECOND_PRICE) | shared, key=key())
    second = await _pay(shop.stranger, order_id, SECOND_PRICE, key(), **part)
    query = """query P($id: ID!) { payment(id: $id) { order {
      allowPartialPayments total { amount } amountDue { amount } amountPayable { amount } } } }"""

    seen = (await shop.buyer.ask(query, id=first["payment"]["id"]))["payment"]["order"]
    listed = (await shop.buyer.ask("{ payments { nodes { order { amountPayable { amount } } } } }"))["payments"]
    others = (await shop.stranger.ask(query, id=second["payment"]["id"]))["payment"]["order"]

    assert seen == {"allowPartialPayments": True, **{name: {"amount": 4_000} for name in AMOUNTS}}
    assert listed["nodes"] == [{"order": {"amountPayable": {"amount": 4_000}}}]
    assert others["amountPayable"] == {"amount": SECOND_PRICE - 4_000}


@pytest.mark.parametrize(
    "query",
    [
        "query L { payments { nodes { id order { paymentStatus total { amount } } } } }",
        "query L { viewer { customer { payments { nodes { id order { paymentStatus total { amount } } } } } } }",
    ],
)
async def test_nor_in_lists(shop: Shop, query: str) -> None:
    handed = await changes_hands(shop)

    text = (await shop.buyer.post(query)).text

    assert handed.first["id"] in text
    assert str(FIRST_PRICE) in text
    assert not any(foreign in text for foreign in (handed.second["id"], str(SECOND_PRICE), '"PAID"'))


async def test_an_event_of_theirs_does_not_show_the_order_either(shop: Shop) -> None:
    handed = await changes_hands(shop)
    query = """query T($id: ID!) { payment(id: $id) { timeline { edges { node {
      id payment { id } order { paymentStatus total { amount } } } } } } }"""

    edges = (await shop.buyer.ask(query, id=handed.first["id"]))["payment"]["timeline"]["edges"]

    assert len(edges) >= 3
    assert {edge["node"]["payment"]["id"] for edge in edges} == {handed.first["id"]}
    assert all(edge["node"]["order"] == {"paymentStatus": "UNPAID", "total": {"amount": FIRST_PRICE}} for edge in edges)


async def test_a_repeated_key_does_not_show_what_has_become_of_the_order(shop: Shop) -> None:
    handed = await changes_hands(shop)

    again = await shop.buyer.post(
        PAYING,
        {
            "input": {
                "orderId": handed.order_id,
                "expectedAmount": {"amount": FIRST_PRICE, "currency": "USD"},
                "metadata": {"gift": "for my wife"},
            },
            "key": handed.first_key,
        },
    )

    assert '"PAID"' not in again.text
    assert handed.second["id"] not in again.text


async def test_a_view_token_shows_no_more_than_its_buyer_sees(shop: Shop) -> None:
    handed = await changes_hands(shop)
    one = "query P($id: ID!) { payment(id: $id) { id supersedes { id } order { total { amount } } } }"

    early_order, late_order = [
        (await view.ask(ORDER, id=handed.order_id))["order"] for view in (handed.first_view, handed.second_view)
    ]
    early = [(await handed.first_view.ask(one, id=p["id"]))["payment"] for p in (handed.first, handed.second)]
    late = [(await handed.second_view.ask(one, id=p["id"]))["payment"] for p in (handed.first, handed.second)]

    assert early_order is None
    assert [node["id"] for node in late_order["payments"]["nodes"]] == [handed.second["id"]]
    assert early == [
        {"id": handed.first["id"], "supersedes": None, "order": {"total": {"amount": FIRST_PRICE}}},
        None,
    ]
    assert late == [
        None,
        {"id": handed.second["id"], "supersedes": None, "order": {"total": {"amount": SECOND_PRICE}}},
    ]


async def test_a_view_token_of_an_order_that_names_nobody_shows_nothing_of_who_had_it_before(shop: Shop) -> None:
    handed = await changes_hands(shop, to=None)
    listed = "{ payments { nodes { id } totalCount } refunds { totalCount } }"

    order = (await handed.second_view.ask(ORDER, id=handed.order_id))["order"]
    payments = (await handed.second_view.ask(listed))["payments"]
    early = (await handed.first_view.ask(listed))["payments"]

    assert [node["id"] for node in order["payments"]["nodes"]] == [handed.second["id"]]
    assert payments == {"nodes": [{"id": handed.second["id"]}], "totalCount": 1}
    assert early == {"nodes": [{"id": handed.first["id"]}], "totalCount": 1}


async def test_events_of_the_order_alone_are_told_to_whose_it_was_then(shop: Shop) -> None:
    """The first of these events contains the order's price for the earlier owner."""
    handed = await changes_hands(shop)
    query = """query E($id: ID!) { node(id: $id) { ... on PaymentEvent { type amount { amount } } } }"""
    alone = await PaymentEvent.filter(payment_id__isnull=True).order_by("sequence")
    ids = [encode(Kind.EVENT, event.id) for event in alone]

    async def told(client: Client) -> list[tuple[str, int]]:
        nodes = [(await client.ask(query, id=identity))["node"] for identity in ids]
        return [(node["type"], node["amount"]["amount"]) for node in nodes if node is not None]

    registered, handed_over = ("order.registered", FIRST_PRICE), ("order.updated", SECOND_PRICE)
    assert (await told(shop.staff))[:2] == [registered, handed_over]
    assert (await told(shop.stranger))[:1] == (await told(handed.second_view))[:1] == [handed_over]
    assert registered not in await told(shop.stranger) + await told(handed.second_view)
    assert await told(shop.buyer) == await told(handed.first_view) == []


async def test_a_timeline_of_an_order_shows_each_owner_what_was_theirs(shop: Shop) -> None:
    handed = await changes_hands(shop)
    query = """query T($id: ID!, $order: ID!) {
      order(id: $order) { timeline(first: 100) { totalCount nodes { sequence payment { id } } } }
      payment(id: $id) { order { timeline(first: 100) { totalCount nodes { sequence payment { id } } } } } }"""

    async def told(client: Client, payment: Json) -> tuple[list[int] | None, list[int], set[str | None]]:
        answer = await client.ask(query, id=payment["id"], order=handed.order_id)
        pages = [found["timeline"] for found in (answer["order"], answer["payment"]["order"]) if found is not None]
        assert all(page["totalCount"] == len(page["nodes"]) for page in pages)
        by_order = [node["sequence"] for node in answer["order"]["timeline"]["nodes"]] if answer["order"] else None
        seen = pages[-1]["nodes"]
        paid = {node["payment"] and node["payment"]["id"] for node in seen}
        return by_order, [node["sequence"] for node in seen], paid

    all_of_it, _, of_payments = await told(shop.staff, handed.second)
    late, late_by_payment, late_payments = await told(shop.stranger, handed.second)
    early, early_by_payment, early_payments = await told(shop.buyer, handed.first)

    assert all_of_it == list(range(1, await PaymentEvent.all().count() + 1))
    assert of_payments == {None, handed.first["id"], handed.second["id"]}
    assert late == late_by_payment == (await told(handed.second_view, handed.second))[0]
    assert late_payments == {None, handed.second["id"]}
    assert (early, early_payments) == (None, {handed.first["id"]})
    assert (await told(handed.first_view, handed.first))[1] == early_by_payment
    assert not set(late or []) & set(early_by_payment)
    assert {1} == set(all_of_it or []) - set(late or []) - set(early_by_payment)  # the price that it had before
