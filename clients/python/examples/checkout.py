"""An order is paid, and followed, with Paygraph's own client."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
from paygraph_client import Bearer, Canceled, Declined, FileStore, Held, Paid, Paygraph, Result


@asynccontextmanager
async def open_client(url: str, token: Callable[[bool], Awaitable[str]], keys: Path) -> AsyncIterator[Paygraph]:
    """Open a client whose keys outlive it, and whose token is renewed when the server takes it no longer."""
    async with httpx.AsyncClient(base_url=url, auth=Bearer(token), headers={"Accept-Language": "de"}) as http:
        yield Paygraph(http, store=FileStore(keys))


async def check_out(client: Paygraph, order_id: str, amount: int, currency: str, methods: Iterator[str]) -> Result:
    """Pay with the first method that the bank takes: after a decline the same payment is tried with the next one."""
    result = await client.pay(order_id, amount=amount, currency=currency, payment_method_id=next(methods))
    while isinstance(result, Declined) and (method := next(methods, None)) is not None:
        result = await client.try_again(order_id, payment_method_id=method)
    if isinstance(result, Paid | Held | Canceled):
        client.forget(order_id)  # the outcome is final; once it has reached the buyer, the key is of no more use
    return result


async def take_up(client: Paygraph, order_id: str) -> Result | None:
    """After a crash, or an outcome that was not known: continue with the key that was kept, if there is one."""
    try:
        return await client.resume(order_id)
    except LookupError:
        return None


async def wait_until_paid(client: Paygraph, order_id: str, *, after: int | None = None) -> int:
    """Follow the order until it is paid, over every break; returns the last sequence, for `after` next time."""
    async with aclosing(client.events(order_id, after=after)) as events:
        async for event in events:
            if event.order_status in ("PAID", "AUTHORIZED"):
                return event.sequence
    raise RuntimeError("the server ended the stream")
