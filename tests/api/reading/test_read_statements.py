"""The number and purpose of a query's statements: one for frequent queries, and never one for each row."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from asyncpg.connection import Connection

from tests.execution.test_api import ORDER_STATUS, PAGE
from tests.support.shop import Shop

DETAILS = """
query Details($id: ID!) {
  payment(id: $id) {
    id metadata order { id customer { id } } refunds { id requestedBy { kind } }
    timeline { edges { node { type order { id } } } } supersedes { id }
  }
}
"""
OF_ORDER = "currency customer_id external_id id paid_minor payment_status total_minor"
OF_PAYMENT = "amount_minor created_at currency customer_id id order_id refund_pending_minor status"
OF_MONEY = "captured_minor provider_currency refunded_minor"
OF_REFUND = "amount_minor currency id status"
NESTED = "{ payments(first: 20) { nodes { id customer { id payments { nodes { id order { id } } } } } totalCount } }"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def watched(right: Callable[..., Any]) -> Callable[..., Any]:
        async def call(self: Connection, query: str, *given: Any, **named: Any) -> Any:
            if "pg_notify" not in query:  # the notifier's, about what was written before, at a time of its own
                seen.append(query)
            return await right(self, query, *given, **named)

        return call

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(Connection, name, watched(getattr(Connection, name)))
    return seen


async def _stock(shop: Shop, count: int) -> str:
    order_id = ""
    for _ in range(count):
        order_id = await shop.order()
        payload = await shop.pay(order_id)
        await shop.refund(payload["payment"]["id"], 100)
    await shop.deliver()
    return order_id


async def test_an_order_with_its_payments_and_refunds_is_one_statement(shop: Shop, sent: list[str]) -> None:
    order_id = await _stock(shop, 2)
    await shop.buyer.ask(ORDER_STATUS, id=order_id)  # the buyer's customer is read once
    sent.clear()

    await shop.buyer.ask(ORDER_STATUS, id=order_id)

    assert len(sent) == 1


async def test_a_page_of_payments_with_orders_and_refunds_is_one_statement(shop: Shop, sent: list[str]) -> None:
    await _stock(shop, 4)
    sent.clear()

    page = await shop.staff.ask(PAGE)

    assert len(page["payments"]["edges"]) == 4
    assert len(sent) == 1


async def test_a_filtered_page_is_two(shop: Shop, sent: list[str]) -> None:
    await _stock(shop, 3)
    sent.clear()

    await shop.staff.ask("{ payments(filter: { status: [SUCCEEDED] }) { nodes { id order { id } refunds { id } } } }")

    assert len(sent) == 2


@pytest.mark.parametrize("query", [DETAILS, NESTED], ids=["details", "nested"])
async def test_what_is_not_read_at_once_is_read_for_all_rows_together(shop: Shop, sent: list[str], query: str) -> None:
    counts = []
    for _ in range(2):
        order_id = await _stock(shop, 3)
        paid = await shop.staff.ask(ORDER_STATUS, id=order_id)
        sent.clear()
        await shop.staff.ask(query, **({"id": paid["order"]["payments"]["nodes"][0]["id"]} if query == DETAILS else {}))
        counts.append(len(sent))

    assert counts[0] == counts[1] <= 9


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        (ORDER_STATUS, [OF_ORDER, f"{OF_PAYMENT} {OF_MONEY}", OF_REFUND]),
        (PAGE, [OF_PAYMENT, "customer_id external_id id payment_status", OF_REFUND]),
    ],
)
async def test_a_query_is_one_statement_for_just_the_columns_that_it_asks_for(
    shop: Shop, sent: list[str], query: str, columns: list[str]
) -> None:
    """And the columns that decide who sees a row, and whether it is repaired."""
    paid = await shop.paid()
    await shop.refund(paid["id"], 100)
    order_id = (await shop.payment(paid["id"]))["order"]["id"]
    sent.clear()

    await shop.staff.ask(query, **({"id": order_id} if query == ORDER_STATUS else {}))

    [statement] = sent
    read = re.findall(r't\d?\."(\w+)"', statement)
    assert sorted(read) == sorted(" ".join(columns).split())
