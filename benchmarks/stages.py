"""The cost of each stage of a request: `python -m benchmarks.stages`.

The application runs in this process and is called as uvicorn calls it, over a database of 10,000 payments and the
offline Stripe in a process of its own, one request after another. The measured functions record the CPU time of this
process from their call to their end; a stage contains the stages that are indented below it. The cost of a document's
first use (scanning, validation, the plan) is measured separately. Prints a table, medians of the rounds.
"""

import asyncio
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from itertools import cycle
from pathlib import Path
from typing import Any, Final, NamedTuple

from asyncpg.connection import Connection
from graphql.execution.values import VariableValues

import execution.executor
import execution.plan_run
import provider.client
import resolvers.access
import server.graphql.cost_limits
import server.graphql.http
import services.inbox.inbox
import services.money.operations.outcomes
import services.money.operations.runner
import services.money.payments
import webhooks.handlers
import webhooks.routes
from benchmarks import servers
from benchmarks.data import prepared
from benchmarks.load import recorded
from benchmarks.workloads import ORDER_STATUS, PAGE, PAY, Requests, webhook
from database.embedded import EmbeddedPostgres
from database.statements import query_rows
from execution.planner import Planner
from models import WebhookEvent
from server.app import create_app, with_middleware
from server.gc_tuning import settle_memory
from server.http.logs import configure_logging
from settings import Settings

FOLDER: Final = Path(".paygraph/bench")
ROWS: Final = 10_000
ROUNDS: Final = 7
CALLS: Final = 150  # of each workload in a round
LEASE_SECONDS: Final = 60.0
PAID: Final = """
SELECT stripe_payment_intent_id, stripe_charge_id, amount_minor, id, order_id, created_at FROM payment
WHERE stripe_payment_intent_id NOT LIKE 'pi_bench%' ORDER BY id DESC LIMIT $1
"""
DATABASE: Final = "database: statements, with asyncpg"
WHOLE: Final = "whole"


class Seam(NamedTuple):
    """A measured function: the name that its callers use, and its stage."""

    stage: str
    owner: Any
    name: str


EXECUTION: Final = (
    Seam("execution", execution.executor.Execution, "run"),
    Seam("  arguments", execution.executor.Execution, "_variables"),
    Seam("  plan, cached", execution.executor.Execution, "_plan"),
    Seam("  resolvers, statements, completion", execution.plan_run.PlanRun, "run"),
)
ENVELOPE: Final = (
    Seam("authorisation", server.graphql.http.GraphQLEndpoint, "authenticate"),
    Seam("reading the request", server.graphql.http, "read_request"),
    Seam("document, cached and measured", server.graphql.http.GraphQLEndpoint, "admit"),
    Seam("points, taken", server.graphql.cost_limits.Rates, "admit"),
    Seam("points, settled", server.graphql.cost_limits.Rates, "attach_cost"),
    Seam("encoding", server.graphql.http, "encode_answer"),
)
WRITING: Final = (
    Seam("snapshot of order and key", resolvers.access, "read_snapshot"),
    Seam("phase 1", services.money.payments, "accept_if_unchanged"),
    Seam("phase 2, twice", services.money.operations.runner, "execute_step"),
    Seam("  provider call, twice", provider.client.Provider, "_send"),
    Seam("phase 3, twice", services.money.operations.outcomes.Recorder, "record_if_unchanged"),
)
RECEIVING: Final = (
    Seam("verify", webhooks.routes, "verify_event"),
    Seam("insert", services.inbox.inbox, "receive"),
)
APPLYING: Final = (
    Seam("lease", services.inbox.inbox, "take"),
    Seam("refreshing the row", webhooks.handlers, "refresh_payment"),
    Seam("  provider call", provider.client.Provider, "_send"),
)
STATEMENTS: Final = tuple(Seam(DATABASE, Connection, name) for name in ("fetch", "fetchrow", "fetchval", "execute"))


class Spent:
    """CPU time of this process by stage, and the number of calls of each."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: defaultdict[str, int] = defaultdict(int)

    def add(self, stage: str, since: float) -> None:
        self.seconds[stage] += time.process_time() - since
        self.calls[stage] += 1


@contextmanager
def timed(seams: tuple[Seam, ...], spent: Spent) -> Iterator[None]:
    """Measure these functions for the duration of the block."""
    rights = [(seam, getattr(seam.owner, seam.name)) for seam in seams]
    for seam, right in rights:
        setattr(seam.owner, seam.name, _noting(right, seam.stage, spent))
    try:
        yield
    finally:
        for seam, right in rights:
            setattr(seam.owner, seam.name, right)


def _noting(right: Callable[..., Any], stage: str, spent: Spent) -> Callable[..., Any]:
    if not iscoroutinefunction(right):

        @wraps(right)
        def call(*positional: Any, **named: Any) -> Any:
            since = time.process_time()
            try:
                return right(*positional, **named)
            finally:
                spent.add(stage, since)

        return call

    @wraps(right)
    async def wait(*positional: Any, **named: Any) -> Any:
        since = time.process_time()
        try:
            return await right(*positional, **named)
        finally:
            spent.add(stage, since)

    return wait


class Exchange:
    """One recorded request as uvicorn passes it."""

    def __init__(self, request: bytes) -> None:
        head, _, self._body = request.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        self._path = first.split(b" ")[1].decode()
        self._headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
        self._sent: list[Any] = []

    async def with_(self, app: Any) -> None:
        """Send it. Raises SystemExit for any answer but the expected one."""
        self._sent = []
        await app(self._scope(), self._receive, self._send)
        body = b"".join(message.get("body", b"") for message in self._sent)
        if self._sent[0]["status"] != 200 or b'"errors":[{' in body:
            raise SystemExit(f"not the answer that was to be measured: {body[:500]!r}")

    def _scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50_000),
            "scheme": "http",
            "method": "POST",
            "root_path": "",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
            "headers": list(self._headers),
            "state": {},
        }

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message: Any) -> None:
        self._sent.append(message)


class Stages:
    """One application, and all requests sent to it."""

    def __init__(self, app: Any, whole: Any, requests: Requests) -> None:
        self._app = app
        self._whole = whole
        self._requests = requests
        self._found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._counts: dict[tuple[str, str], float] = {}

    async def run(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Measure the CPU µs and calls of each stage of each workload, for one request."""
        files = {"W1": await self._requests.order_status(), "W2": await self._requests.page()}
        reads = {name: cycle(recorded(file)) for name, file in files.items()}
        pays = cycle(recorded(await self._requests.pay(CALLS * (ROUNDS + 1))))
        hooks = cycle(recorded(await self._requests.webhooks(CALLS * (ROUNDS + 1) * 2, repeated=False)))
        seams = (*ENVELOPE, *EXECUTION, *STATEMENTS)
        for turn in range(ROUNDS + 1):
            counts = turn > 0  # the first round only fills the caches
            for name, requests in reads.items():
                await self._send_all(name, [next(requests) for _ in range(CALLS)], seams, counts=counts)
            paying = [next(pays) for _ in range(CALLS)]
            await self._send_all("W3", paying, (*seams, *WRITING), counts=counts)
            await self._send_all("W4", paying, (*seams, *WRITING), counts=counts)
            await self._send_all("W5", [next(hooks) for _ in range(CALLS)], (*RECEIVING, *STATEMENTS), counts=counts)
            await self._applied(counts=counts)
            self._documents(counts=counts)
        return {key: (statistics.median(taken), self._counts[key]) for key, taken in self._found.items()}

    async def _send_all(self, workload: str, requests: list[bytes], seams: tuple[Seam, ...], *, counts: bool) -> None:
        exchanges = [Exchange(request) for request in requests]
        spent = Spent()

        async def one(exchange: Exchange) -> None:
            since = time.process_time()
            await exchange.with_(self._whole)
            spent.add(WHOLE, since)

        with timed(seams, spent):
            for exchange in exchanges:
                await one(exchange)
        if counts:
            self._note(workload, spent, len(exchanges))

    async def _applied(self, *, counts: bool) -> None:
        """Receive events about the offline Stripe's payments, none of which was applied before."""
        paid = await query_rows(PAID, [CALLS])
        await query_rows("DELETE FROM webhook_event WHERE due IS NOT NULL")
        for payment in paid:
            await Exchange(webhook(payment.values(), "payment_intent.processing")).with_(self._whole)
        stripe_ = self._app.state.runtime.runner.provider
        spent = Spent()

        async def one() -> list[WebhookEvent]:
            since = time.process_time()
            events = await services.inbox.inbox.take(lease_seconds=LEASE_SECONDS)
            if events:
                await webhooks.handlers.handle(events, provider=stripe_)
                spent.add(WHOLE, since)
            return events

        with timed((*APPLYING, *STATEMENTS), spent):
            while await one():
                pass
        [left] = await query_rows("SELECT count(*) AS n FROM webhook_event WHERE due IS NOT NULL")
        if spent.calls[WHOLE] != len(paid) or left["n"]:
            raise SystemExit(f"{spent.calls[WHOLE]} of {len(paid)} events were applied, {left['n']} are left")
        if counts:
            self._note("apply", spent, len(paid))

    def _documents(self, *, counts: bool) -> None:
        """Process documents that are not cached."""
        endpoint = self._app.state.graphql
        documents, running = endpoint._documents, endpoint.execution
        for workload, text in (("W1", ORDER_STATUS), ("W2", PAGE), ("W3", PAY)):
            spent = Spent()
            for _ in range(20):
                since = time.process_time()
                made = documents._parse(text, endpoint.limits.tokens)
                spent.add("once: parse", since)
                since = time.process_time()
                documents._validate(made.document)
                spent.add("once: validate", since)
                since = time.process_time()
                [operation] = made.operations
                Planner(
                    running._schema,
                    running._inputs,
                    made.document,
                    operation.operation,
                    VariableValues({}, {}),
                    operation.shaped_by,
                ).plan()
                spent.add("once: plan", since)
            if counts:
                self._note(workload, spent, 20)

    def _note(self, workload: str, spent: Spent, requests: int) -> None:
        for stage, seconds in spent.seconds.items():
            self._found[workload, stage].append(seconds / requests * 1e6)
            self._counts[workload, stage] = spent.calls[stage] / requests


def table(found: dict[tuple[str, str], tuple[float, float]]) -> list[str]:
    """Render the stages as rows, the workloads as columns: CPU µs of one request, and the calls where not one."""
    workloads = ("W1", "W2", "W3", "W4", "W5", "apply")
    order = [WHOLE, *dict.fromkeys(seam.stage for seam in (*ENVELOPE, *EXECUTION, *WRITING, *RECEIVING, *APPLYING))]
    order += [DATABASE, "once: parse", "once: validate", "once: plan"]
    lines = [f"| stage | {' | '.join(workloads)} |", "|---" * (len(workloads) + 1) + "|"]
    for stage in order:
        cells = []
        for workload in workloads:
            cpu, calls = found.get((workload, stage), (0.0, 0.0))
            often = f" ({calls:.3g}×)" if stage == DATABASE else ""
            cells.append(f"{cpu:.3g}{often}" if calls else "")
        if any(cells):
            indent = "&emsp;" * (stage.startswith("  "))
            lines.append(f"| {indent}{stage.strip()} | {' | '.join(cells)} |")
    return lines


async def _measured(url: str, stripe: str) -> dict[tuple[str, str], tuple[float, float]]:
    os.environ.update(servers.environment(url, stripe), LOG_FORMAT="json", ENVIRONMENT="test")
    settings = Settings.load()
    configure_logging(json=True)
    app = create_app(settings, run_worker=False)
    async with app.router.lifespan_context(app):
        settle_memory()
        return await Stages(app, with_middleware(app, settings), Requests(url, FOLDER / "requests")).run()


def main() -> None:
    """Measure and print."""
    import uvloop

    postgres = EmbeddedPostgres(FOLDER, options={"max_connections": "400"})
    with postgres:
        url = asyncio.run(prepared(postgres, ROWS))
        with servers.offline_stripe(url) as stripe, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(_measured(url, stripe))
    sys.stdout.write("\n".join(table(found)) + "\n")


if __name__ == "__main__":
    main()
