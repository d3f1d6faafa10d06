"""The Python client gql: queries and mutations over HTTP, subscriptions over a WebSocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import build_schema

from schema import print_sdl
from tests.crash.processes.cluster import Cluster
from tests.support.shop import PAYLOAD, key, token

BUYER = {"Authorization": f"Bearer {token('buyer', 'payments:pay')}"}
CREATE = f"""
mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!) {{
  createPayment(input: $input, idempotencyKey: $key) {{ {PAYLOAD} }}
}}
"""
FOLLOW = """
subscription Follow($order: ID!, $after: Int) {
  orderPaymentUpdated(orderId: $order, afterSequence: $after) { sequence type payment { status } }
}
"""
SCHEMA = build_schema(print_sdl())  # gql checks each operation against it before it is sent


@asynccontextmanager
async def _served(cluster: Cluster) -> AsyncIterator[tuple[str, str]]:
    """Open an application; returns its address and an order to pay."""
    async with cluster.application(worker=True) as application:
        given = {
            "externalId": f"order-{uuid4()}",
            "total": {"amount": 10_000, "currency": "USD"},
            "customerExternalId": "buyer",
        }
        payload = await application.staff.do("registerOrder", input=given, key=key())
        yield f"127.0.0.1:{application.http.base_url.port}/graphql", payload["order"]["id"]


def _pay(order_id: str) -> GraphQLRequest:
    given = {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_visa",
        "confirm": True,
    }
    return GraphQLRequest(CREATE, variable_values={"input": given, "key": key()})


async def test_gql_pays_once_and_reads(cluster: Cluster) -> None:
    async with (
        _served(cluster) as (address, order_id),
        Client(transport=HTTPXAsyncTransport(f"http://{address}", headers=BUYER), schema=SCHEMA) as session,
    ):
        pay = _pay(order_id)

        first = (await session.execute(pay))["createPayment"]
        second = (await session.execute(pay))["createPayment"]
        read = await session.execute(
            GraphQLRequest(
                "query Order($id: ID!) { order(id: $id) { paymentStatus } }", variable_values={"id": order_id}
            )
        )

        assert first["payment"]["status"] == "SUCCEEDED"
        assert (first["replayed"], second["replayed"]) == (False, True)
        assert second["payment"]["id"] == first["payment"]["id"]
        assert read == {"order": {"paymentStatus": "PAID"}}
        assert len(cluster.sandbox.snapshot().charges) == 1


async def test_gql_reads_why_a_request_was_refused(cluster: Cluster) -> None:
    async with (
        _served(cluster) as (address, order_id),
        Client(transport=HTTPXAsyncTransport(f"http://{address}")) as session,
    ):
        with pytest.raises(TransportQueryError) as refused:
            await session.execute(_pay(order_id))

        errors: Any = refused.value.errors
        assert errors[0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_gql_follows_an_order_over_a_websocket(cluster: Cluster) -> None:
    async with (
        _served(cluster) as (address, order_id),
        Client(transport=HTTPXAsyncTransport(f"http://{address}", headers=BUYER)) as session,
        Client(transport=WebsocketsTransport(f"ws://{address}", init_payload=BUYER), schema=SCHEMA) as socket,
    ):
        follow = GraphQLRequest(FOLLOW, variable_values={"order": order_id, "after": 0})
        await session.execute(_pay(order_id))

        seen: list[dict[str, Any]] = []
        async for event in socket.subscribe(follow):
            seen.append(event["orderPaymentUpdated"])
            if seen[-1]["type"] == "payment.succeeded":
                break

        assert [event["sequence"] for event in seen] == list(range(1, len(seen) + 1))
        assert seen[-1]["payment"] == {"status": "SUCCEEDED"}
