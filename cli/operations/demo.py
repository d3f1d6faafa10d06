"""`make demo`: everything in one process on loopback, with example orders, tokens and operations to copy."""

import asyncio
import json
import shlex
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
import uvicorn

from cli.operations.demo_examples import Example, Shown, Tokens, carry_out
from server import wiring
from server.app import create_app, with_middleware
from server.graphql.uvicorn_protocols import options
from server.pages.static import Offered, OfferedOrder
from server.serving import Server
from settings import Settings

ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Backends:
    """The database and the Stripe of the demo, in words."""

    database: str
    stripe: str

    @classmethod
    def of(cls, settings: Settings) -> "Backends":
        """Describe them by the settings before a database is started."""
        database, stripe = "the one that DATABASE_URL names", "the account of STRIPE_SECRET_KEY, in test mode"
        if settings.database_url is None:
            database = f"PostgreSQL inside, its data under {settings.state_dir}"
        if settings.stripe_api_base is not None:
            stripe = "whatever answers at STRIPE_API_BASE"
        elif settings.offline:
            stripe = "the offline one inside; cards are test cards, no money moves"
        return cls(database, stripe)


class Demo:
    """The demo, on sockets that are already bound. `is_ready` once its examples are printed."""

    def __init__(self, settings: Settings, *, port: int, backends: Backends) -> None:
        self.is_ready = False
        self._settings = settings
        self._port = port
        self._base = f"http://127.0.0.1:{port}"
        self._backends = backends

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve until Ctrl-C. A second start shows the same answers, replayed. Raises OperationRefused."""
        inner = create_app(self._settings, run_worker=True, own_port=self._port)
        config = uvicorn.Config(
            with_middleware(inner, self._settings), **options(wiring.connection_limits(self._settings))
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve(sockets))
        introducing = asyncio.create_task(self._introduce(partial(setattr, inner.state, "offered"), server.is_up))
        try:
            await asyncio.wait({serving, introducing}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # Ctrl-C before uvicorn handles it: let it start and shut down cleanly
            server.should_exit = True
            introducing.cancel()
            await asyncio.gather(serving, introducing, return_exceptions=True)
            raise
        was_told_to_leave = server.should_exit
        if introducing.done() and introducing.exception() is None:
            self.is_ready = True
        else:
            server.should_exit = True
            introducing.cancel()
        await serving
        failure = (await asyncio.gather(introducing, return_exceptions=True))[0]
        if isinstance(failure, Exception) and not was_told_to_leave:
            raise failure

    async def _introduce(self, offer: Callable[[Offered], None], is_up: asyncio.Event) -> None:
        """Run the examples, print them, and pass the explorer its tokens and its order."""
        await is_up.wait()
        tokens = Tokens.sign(self._settings)
        async with httpx.AsyncClient(base_url=self._base, timeout=ANSWER_SECONDS, trust_env=False) as http:
            shown = await carry_out(http, tokens)
        orders = [
            OfferedOrder(one.identity, one.external_id, one.amount, "USD", shown.payment_id if first else None)
            for one, first in ((one, one is shown.orders[0]) for one in shown.orders)
        ]
        offer(Offered(tokens=tokens.offered, orders=orders))
        print("\n".join(self._lines(tokens, shown)), flush=True)

    def _lines(self, tokens: Tokens, shown: Shown) -> list[str]:
        base = self._base
        lines = [
            "",
            "Paygraph is running. Ctrl-C stops it, the data stays.",
            "",
            f"  Pages      {base}/     {base}/explorer     {base}/checkout",
            f"  GraphQL    {base}/graphql     (schema: {base}/schema.graphql)",
            f"  Webhooks   {base}/webhooks/stripe",
            f"  Health     {base}/healthz   {base}/readyz",
            f"  Database   {self._backends.database}",
            f"  Stripe     {self._backends.stripe}",
            "",
            "Orders, all of customer demo-buyer; the first is paid below:",
            *(f"  {one.external_id}  {one.amount / 100:>9.2f} USD  {one.identity}" for one in shown.orders),
            "",
            "Tokens, good for a day:",
            f"  BUYER={tokens.buyer}",
            f"  SUPPORT={tokens.support}",
            f"  ADMIN={tokens.administrator}",
            "",
            "Operations to copy, with the answers they just gave:",
        ]
        for example in shown.examples:
            lines += self._example(example)
        return [*lines, ""]

    def _example(self, example: Example) -> list[str]:
        body = json.dumps({"query": example.query, "variables": example.variables})
        return [
            "",
            f"# {example.title}",
            f"curl -s {self._base}/graphql -H 'Content-Type: application/json' \\",
            f"  -H 'Authorization: Bearer {example.token}' \\",
            f"  -d {shlex.quote(body)}",
            f"  → {json.dumps(example.answer)}",
        ]
