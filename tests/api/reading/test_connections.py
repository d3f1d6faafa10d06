"""Every list of the schema is a Relay connection: read from both ends, in any steps, and strict about its arguments."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from graphql import GraphQLObjectType, build_schema

from domain.ids import Kind, encode
from domain.states import (
    DiscrepancyKind,
    EventSource,
    OperationKind,
    OperationState,
    SetupFutureUsage,
    WebhookState,
)
from models import (
    Customer,
    Discrepancy,
    Operation,
    Order,
    PaymentEvent,
    ReconciliationRun,
    Refund,
    SavedPaymentMethod,
    SetupIntent,
    WebhookEvent,
)
from schema import print_sdl
from tests.support.rows import NOON, a_payment, a_refund, an_order
from tests.support.shop import Json, Shop

ROWS = 7
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before"
PAGE = "edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


@dataclass(frozen=True)
class Listed:
    """The place of a connection in the schema: at the root, or below the node of one of the created rows."""

    name: str
    below: str | None = None

    def __str__(self) -> str:
        return f"{self.below or 'Query'}.{self.name}"

    async def page(self, shop: Shop, ids: dict[str, str], **given: Any) -> Json:
        """Read one page as staff."""
        response = await self.post(shop, ids, **given)
        answer = response.json()
        assert "errors" not in answer, answer
        connection: Json = (answer["data"]["node"] if self.below else answer["data"])[self.name]
        return connection

    async def post(self, shop: Shop, ids: dict[str, str], **given: Any) -> Any:
        field = f"{self.name}({ARGUMENTS}) {{ {PAGE} }}"
        if self.below:
            field = f"node(id: $id) {{ ... on {self.below} {{ {field} }} }}"
        identified = "$id: ID!, " if self.below else ""
        query = f"query L({identified}$first: Int, $after: String, $last: Int, $before: String) {{ {field} }}"
        return await shop.staff.post(
            query, {**given, **({"id": ids.get(str(self), ids[self.below])} if self.below else {})}
        )


CONNECTIONS = [
    Listed("payments"),
    Listed("refunds"),
    Listed("openOperations"),
    Listed("webhookEvents"),
    Listed("discrepancies"),
    Listed("payments", below="Order"),
    Listed("payments", below="Customer"),
    Listed("orders", below="Customer"),
    Listed("paymentMethods", below="Customer"),
    Listed("setupIntents", below="Customer"),
    Listed("timeline", below="Payment"),
    Listed("timeline", below="Order"),
    Listed("timeline", below="Order"),
    Listed("discrepancies", below="ReconciliationRun"),
]


def _tied(number: int) -> datetime:
    """Return moments in pairs of equals, so that ids decide the order."""
    return NOON + timedelta(microseconds=number // 2)


async def seven_of_each() -> dict[str, str]:
    """Insert rows for every list; returns the ids of those that have lists below them, by type."""
    customer = await Customer.create(external_id="ann")
    order = await an_order("one", customer)
    payments = [await a_payment(order, number) for number in range(ROWS)]
    buyer = await _orders_and_methods()
    run = await ReconciliationRun.create(
        livemode=False, from_moment=NOON, to_moment=_tied(4), stage="payments", due=NOON
    )
    for number in range(ROWS):
        refund = await a_refund(payments[0])
        await Refund.filter(id=refund.id).update(created_at=_tied(number))
        await PaymentEvent.create(
            order_id=order.id,
            payment_id=payments[0].id,
            sequence=number + 1,
            type="payment.created",
            currency="USD",
            occurred_at=NOON,
            recorded_at=NOON,
            previous_hash="0" * 64,
            hash=f"{number:064}",
        )
        operation = await Operation.create(
            principal="buyer",
            kind=OperationKind.CREATE_PAYMENT,
            key=f"key-{number}",
            fingerprint="f",
            state=OperationState.UNRESOLVED,
            due=NOON,
            expires_at=NOON,
        )
        await Operation.filter(id=operation.id).update(created_at=_tied(number))
        found = await Discrepancy.create(
            run_id=run.id, livemode=False, kind=DiscrepancyKind.WEBHOOK_GAP, subject=f"evt_{number}"
        )
        await Discrepancy.filter(id=found.id).update(detected_at=_tied(number))
        event = await WebhookEvent.create(
            stripe_event_id=f"evt_{number}",
            livemode=False,
            type="charge.updated",
            source=EventSource.WEBHOOK,
            subject="ch_1",
            payload={},
            state=WebhookState.PROCESSED,
            stripe_created_at=NOON,
        )
        await WebhookEvent.filter(id=event.id).update(received_at=_tied(number))
    return {
        "Order": encode(Kind.ORDER, order.id),
        "Customer": encode(Kind.CUSTOMER, customer.id),
        "Customer.orders": encode(Kind.CUSTOMER, buyer.id),
        "Customer.paymentMethods": encode(Kind.CUSTOMER, buyer.id),
        "Customer.setupIntents": encode(Kind.CUSTOMER, buyer.id),
        "Payment": encode(Kind.PAYMENT, payments[0].id),
        "ReconciliationRun": encode(Kind.RUN, run.id),
    }


async def _orders_and_methods() -> Customer:
    """Insert another customer with seven orders, seven saved methods and seven setups."""
    buyer = await Customer.create(external_id="bob")
    for number in range(ROWS):
        order = await an_order(f"of bob {number}", buyer)
        await Order.filter(id=order.id).update(created_at=_tied(number))
        method = await SavedPaymentMethod.create(
            customer_id=buyer.id,
            livemode=False,
            stripe_payment_method_id=f"pm_{number}",
            method={"type": "ideal", "label": "ideal"},
        )
        await SavedPaymentMethod.filter(id=method.id).update(created_at=_tied(number))
        setup = await SetupIntent.create(customer_id=buyer.id, livemode=False, usage=SetupFutureUsage.OFF_SESSION)
        await SetupIntent.filter(id=setup.id).update(created_at=_tied(number))
    return buyer


def test_the_table_of_this_file_names_every_connection() -> None:
    there = {
        f"{name}.{field_name}"
        for name, kind in build_schema(print_sdl()).type_map.items()
        if isinstance(kind, GraphQLObjectType)
        for field_name, field in kind.fields.items()
        if str(field.type).rstrip("!").endswith("Connection")
    }

    assert {str(listed) for listed in CONNECTIONS} == there


async def test_every_list_is_the_same_from_both_ends(shop: Shop) -> None:
    ids = await seven_of_each()

    for listed in CONNECTIONS:
        whole = (await listed.page(shop, ids, first=100))["edges"]
        assert len({edge["node"]["id"] for edge in whole}) == len(whole) == ROWS, listed
        assert await _walked(listed, shop, ids, "first", "after") == whole, listed
        assert await _walked(listed, shop, ids, "last", "before") == whole, listed


async def _walked(listed: Listed, shop: Shop, ids: dict[str, str], size: str, place: str) -> list[Json]:
    """Read the whole list in steps of three, from one end to the other."""
    names = ["endCursor", "hasNextPage", "hasPreviousPage"]
    if size == "last":
        names = ["startCursor", "hasPreviousPage", "hasNextPage"]
    next_place, more, behind = names
    edges: list[Json] = []
    page: Json = {next_place: None, more: True}
    while page[more]:
        connection = await listed.page(shop, ids, **{size: 3, place: page[next_place]})
        page = connection["pageInfo"]
        assert page[behind] is bool(edges), listed
        edges = edges + connection["edges"] if size == "first" else connection["edges"] + edges
        assert len(edges) <= ROWS, listed
    return edges


async def test_a_page_lies_between_two_cursors_in_every_list(shop: Shop) -> None:
    ids = await seven_of_each()

    for listed in CONNECTIONS:
        whole = (await listed.page(shop, ids, first=100))["edges"]
        between = {"after": whole[0]["cursor"], "before": whole[5]["cursor"]}
        assert (await listed.page(shop, ids, first=2, **between))["edges"] == whole[1:3], listed
        assert (await listed.page(shop, ids, last=2, **between))["edges"] == whole[3:5], listed


WRONG: list[tuple[Json, str]] = [
    ({"first": 0}, "first"),
    ({"first": -1}, "first"),
    ({"first": 101}, "first"),
    ({"first": 2**31 - 1}, "first"),
    ({"first": -(2**31)}, "first"),
    ({"last": 0}, "last"),
    ({"last": -1}, "last"),
    ({"last": 101}, "last"),
    ({"first": 3, "last": 3}, "last"),
    ({"after": ""}, "after"),
    ({"after": "not a cursor"}, "after"),
    ({"after": "YXJyYXljb25uZWN0aW9uOjU="}, "after"),  # another server's offset cursor: arrayconnection:5
    ({"before": "A" * 50_000}, "before"),
    ({"before": "MTpzZXF1ZW5jZTo5"}, "before"),  # 1:sequence:9, cut off
]


async def test_a_page_that_cannot_be_is_a_clean_error_in_every_list(shop: Shop) -> None:
    ids = await seven_of_each()

    for listed, (given, named) in product(CONNECTIONS, WRONG):
        response = await listed.post(shop, ids, **given)

        [error] = response.json()["errors"]
        if error["extensions"].get("reason") == "COST_LIMIT":
            assert given.get("first", 0) > 100, listed
            continue
        assert error["extensions"]["code"] == "BAD_USER_INPUT", listed
        assert error["extensions"]["reason"] == "VALIDATION_FAILED", listed
        assert error["message"].startswith(f"`{named}` "), listed
        assert all(str(value) not in error["message"] for value in given.values() if isinstance(value, str) and value)


async def test_a_cursor_of_another_order_is_no_place_in_any_list(shop: Shop) -> None:
    ids = await seven_of_each()
    by_amount = await shop.staff.ask("{ payments(sort: AMOUNT_ASC, first: 1) { edges { cursor } } }")
    cursor = by_amount["payments"]["edges"][0]["cursor"]

    for listed in CONNECTIONS:
        for place in ("after", "before"):
            [error] = (await listed.post(shop, ids, **{place: cursor})).json()["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT", listed
            assert error["message"].startswith(f"`{place}` "), listed
