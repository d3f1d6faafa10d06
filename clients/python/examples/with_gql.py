"""Reading and following with gql, whose subscriptions go over a WebSocket."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed

FOLLOW: Final = """
subscription Follow($order: ID!, $after: Int) {
  orderPaymentUpdated(orderId: $order, afterSequence: $after) {
    sequence type order { paymentStatus } payment { id status }
  }
}
"""


async def follow(url: str, token: str, order_id: str, after: int | None = None) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of an order, each once, behind the last one after every break."""
    seen = after
    while True:
        transport = WebsocketsTransport(url, init_payload={"Authorization": f"Bearer {token}"})
        try:
            async with Client(transport=transport) as session:
                request = gql(FOLLOW)
                request.variable_values = {"order": order_id, "after": seen}
                async for answer in session.subscribe(request):
                    event = answer["orderPaymentUpdated"]
                    if seen is None or event["sequence"] > seen:
                        seen = event["sequence"]
                        yield event
        except (TransportError, ConnectionClosed, OSError):
            await asyncio.sleep(1)  # and with a token that has ended, this is the place to fetch another one
