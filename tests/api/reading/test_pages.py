"""Lists: pages that neither skip nor repeat, filters that mean what they say, and few statements."""

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import CardDeclined
from domain.ids import Kind, encode
from domain.states import PaymentStatus, RetryAdvice
from models import Customer, PaymentFailure
from resolvers.reading.cursors import Cursor, SortKey
from tests.support.rows import NOON, a_payment, a_refund, an_order, row_id, wire
from tests.support.shop import Client, Json, Shop

IDS = "query P($first: Int, $after: String, $last: Int, $before: String, $sort: PaymentSort!, $filter: PaymentFilter) {"
PAYMENTS = (
    IDS
    + """ payments(first: $first, after: $after, last: $last, before: $before, sort: $sort, filter: $filter) {
        edges { cursor node { id } } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
)


async def page(client: Client, **variables: Any) -> Json:
    answer = await client.ask(PAYMENTS, **{"sort": "CREATED_AT_DESC", **variables})
    connection: Json = answer["payments"]
    return connection


async def found(shop: Shop, filter: Json) -> set[str]:
    """Return the ids that a filter finds, as staff."""
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
        message="No.",
        retry=RetryAdvice.DO_NOT_RETRY,
    )
    odd = """it's "%s\\" {0} $1 --"""
    kept = {"channel": "web", "lang": "de", "odd": odd}
    first = wire(await a_payment(one, 0, metadata=kept, amount_minor=500))
    second = await a_payment(one, 10, status=PaymentStatus.REQUIRES_PAYMENT_METHOD, last_error=declined.to_record())
    await PaymentFailure.create(
        payment_id=second.id, code="CARD_DECLINED", decline_code="lost_card", error=declined.to_record(), failed_at=NOON
    )
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
    far = Cursor(SortKey.SEQUENCE, 10**17, row_id(payment["id"])).encode()
    late = Cursor(SortKey.CREATED_AT, datetime.max.replace(tzinfo=UTC), row_id(payment["id"])).encode()
    rich = Cursor(SortKey.AMOUNT, 10**18 - 1, row_id(payment["id"])).encode()

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
