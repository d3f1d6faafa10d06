"""COMPOSES: the application, from settings to routes."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from uuid import UUID

import httpx
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from database.connection import only_reads, pending_migrations
from domain.caller import Scope as CallerScope
from resolvers.context import RequestContext
from resolvers.reading.customer_cache import OwnCustomers
from sandbox import Sandbox
from schema import schema
from server import wiring
from server.access.authentication import Callers, sign_token
from server.gc_tuning import settle_memory
from server.graphql.anonymous_requests import Strangers
from server.graphql.http import GraphQLEndpoint
from server.graphql.sdl import SchemaDocument
from server.graphql.trusted_documents import explores
from server.graphql.websocket import GraphQLSocket
from server.http import request_context
from server.http.errors import RequestRefused
from server.http.health import MaySee, Probe, Readiness, healthz
from server.http.logs import configure_logging
from server.http.middleware import crashed, guard, no_such_page
from server.offline_stripe import offline_stripe
from server.pages.demo_shop import DemoShop, Sign
from server.pages.static import add_web, is_a_visit
from server.runtime import Runtime, jwt_secret, open_parts, webhook_secrets
from services.inbox import delivery_health
from services.inbox.inbox import Endpoint
from services.inbox.lag import LagWatch
from settings import Settings, is_loopback
from webhooks.handlers import HANDLED
from webhooks.routes import MAX_BODY_BYTES, PATH, StripeWebhooks

VIEW_TOKEN_LIFE = timedelta(minutes=30)  # as long as a buyer looks at a receipt page
# A platform waits ten seconds between SIGTERM and SIGKILL: four for requests (uvicorn), three for mutations whose
# clients are gone, two for the rest. What is not done by then has a lease, and another process takes it up.
MUTATION_SECONDS = 3.0
MAX_SKEW_SECONDS = 120.0  # beyond 300 s every webhook is refused as a replay; say so before that


class MigrationsPending(RuntimeError):
    """The database lacks migrations that this code needs."""


def from_environment() -> ASGIApp:
    """The application of `python -m cli serve`, one for each process."""
    settings = Settings.load()
    configure_logging(json=settings.log_format == "json")
    port = int(os.environ.get("PORT", "8000"))  # set by `serve`; the offline Stripe's 3DS page stands there
    app = guarded(create_app(settings, run_worker=False, own_port=port, deliver=False), settings)
    settle_memory()
    return app


def guarded(app: FastAPI, settings: Settings) -> ASGIApp:
    """The application behind its guards: request ids, logs, security headers, CORS, body caps."""
    return guard(
        _BusyDoorsFirst(app),
        allowed_origins=wiring.allowed_origins(settings),
        allowed_headers=settings.allowed_headers,
        https_only=settings.environment == "production",
        max_body_bytes=MAX_BODY_BYTES,
    )


def create_app(
    settings: Settings,
    *,
    run_worker: bool,
    own_port: int | None = None,
    deliver: bool = True,
    sandbox: Sandbox | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The whole application, still without its guards. `run_worker` runs the worker in this process as well.

    With no Stripe key the offline Stripe answers in this process: `sandbox`, or one with its state under the state
    folder whose webhooks go to `own_port` (`deliver`: by this process). `transport` replaces the network to Stripe.
    """
    webhook_url = f"http://127.0.0.1:{own_port}{PATH}" if own_port else None
    if sandbox is None and transport is None:
        sandbox = offline_stripe(settings, webhook_url=webhook_url)
    secret = jwt_secret(settings)  # without one (an identity provider's keys), there are no view tokens
    callers = Callers(
        secret=secret,
        jwks_url=settings.auth_jwks_url,
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(settings, sandbox=sandbox, transport=transport) as parts:
            if missing := await pending_migrations():
                raise MigrationsPending(f"Run `python -m cli migrate` first; missing: {', '.join(missing)}")
            app.state.parts = parts
            async with background(parts, run_worker=run_worker, deliver=deliver and own_port is not None):
                yield
                await endpoint.drain(MUTATION_SECONDS)

    app = _bare(lifespan)
    own_customers = OwnCustomers()

    def context(asked: request_context.RequestOrigin) -> RequestContext:
        parts: Runtime = app.state.parts
        return RequestContext.for_request(
            caller=asked.caller,
            request_id=asked.request_id,
            runner=parts.runner,
            repairs=parts.repairs,
            looks=parts.looks,
            live=parts.live,
            currencies=settings.currencies,
            publishable_key=settings.stripe_publishable_key,
            app_schemes=settings.return_url_schemes,
            own_customers=own_customers,
            sign_view_token=_view_tokens(callers if secret else None),
        )

    app.state.graphql = endpoint = _graphql(settings, callers, context)
    app.router.routes.append(Route("/graphql", endpoint))
    socket = GraphQLSocket(endpoint, allowed_origins=wiring.allowed_origins(settings))
    app.router.routes.append(WebSocketRoute("/graphql", socket))
    _other_doors(app, settings, sandbox)
    return app


def _graphql(settings: Settings, callers: Callers, context: request_context.ContextFactory) -> GraphQLEndpoint:
    """The GraphQL API within the limits of the settings."""
    return GraphQLEndpoint(
        schema,
        authenticate=callers.authenticate,
        context_factory=context,
        may_introspect=_introspection(settings),
        limits=wiring.limits(settings),
        stream_limits=wiring.stream_limits(settings),
        trusted=wiring.trusted_documents(settings),
        rates=wiring.rates(settings),
        proxies=settings.trusted_proxies,
        planned=settings.execution == "planned",
        strangers=Strangers(fields=frozenset()),  # every field of ours asks for a token
    )


def _introspection(settings: Settings) -> request_context.MayIntrospect:
    """Who may read the schema, by introspection or as text."""
    return lambda caller: settings.environment != "production" or explores(caller)


def _view_tokens(callers: Callers | None) -> Callable[[UUID, UUID | None], str | None]:
    """Signs view tokens; gives None where there is nobody to sign."""
    if callers is None:
        return lambda order_id, customer_id: None
    return lambda order_id, customer_id: callers.sign_view_token(order_id, customer_id, VIEW_TOKEN_LIFE)


def _bare(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """FastAPI with nothing of its own on the outside."""
    return FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would repeat the query string, at whatever Host the client named
        exception_handlers={Exception: crashed, HTTPException: no_such_page},
    )


def _other_doors(app: FastAPI, settings: Settings, sandbox: Sandbox | None) -> None:
    """Everything beside /graphql: Stripe's webhooks, the probes, the SDL, and the offline Stripe when there is one."""
    webhooks = StripeWebhooks(
        secrets=webhook_secrets(settings),
        endpoint=Endpoint(livemode=settings.livemode, account=settings.stripe_account, types=HANDLED),
    )
    app.router.routes.append(Route(PATH, webhooks, methods=["POST"]))
    app.state.webhooks = webhooks
    app.add_route("/healthz", healthz)
    probes: dict[str, Probe] = {
        "database": _database_answers,
        "migrations": _migrations_done,
        "worker": _WorkerProbe(),
        "webhooks": _webhooks_arrive,
        "clock": lambda: _clocks_agree(app.state.parts),
        "stripe": lambda: _stripe_answers(app.state.parts),
    }
    app.state.readiness = Readiness(probes, may_see=_figures(app.state.graphql, settings))
    app.add_route("/readyz", app.state.readiness.answer)
    app.add_route("/schema.graphql", SchemaDocument(app.state.graphql, _introspection(settings)).__call__)
    has_shop = sandbox is not None and settings.environment != "production" and jwt_secret(settings) is not None
    add_web(app, settings, has_shop=has_shop)
    if has_shop:
        app.router.routes.extend(DemoShop(app, _signing(settings)).routes)
    if sandbox is not None:
        app.mount("/_sandbox", _Sandboxed(sandbox.asgi))


def _figures(endpoint: GraphQLEndpoint, settings: Settings) -> MaySee:
    """Who may read the figures of `/readyz`: tokens with ops:read, and outside production whoever is on this machine.

    In production loopback says nothing: a proxy beside us may forward the bytes of anybody.
    """

    async def may_see(request: Request) -> bool:
        if settings.environment != "production" and request.client is not None and is_loopback(request.client.host):
            return True
        try:
            caller = await endpoint.authenticate(request.headers.getlist("authorization"))
        except RequestRefused:
            return False
        return caller is not None and caller.can(CallerScope.OPS_READ)

    return may_see


def _signing(settings: Settings) -> Sign:
    """Signs access tokens with this installation's secret."""
    secret = jwt_secret(settings)
    assert secret is not None, "tokens are signed elsewhere"
    return lambda subject, scopes, life: sign_token(
        secret, subject, scopes, life, issuer=settings.auth_issuer, audience=settings.auth_audience
    )


@asynccontextmanager
async def background(parts: Runtime, *, run_worker: bool, deliver: bool) -> AsyncIterator[None]:
    """The worker and the offline Stripe's deliveries, for as long as the application serves."""
    tasks: list[asyncio.Task[None]] = []
    if run_worker:
        tasks.append(asyncio.create_task(parts.worker.run()))
    delivering: asyncio.Task[None] | None = None
    if parts.sandbox is not None and deliver:
        delivering = asyncio.create_task(parts.sandbox.run())
    try:
        yield
    finally:
        parts.worker.stop()
        await asyncio.gather(*tasks)
        if delivering is not None:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
        if parts.sandbox is not None:
            await parts.sandbox.close()


class OnlyReads(RuntimeError):
    """The database cannot be written to: it is a standby, or was made one."""


async def _database_answers() -> None:
    if await only_reads():
        raise OnlyReads


async def _migrations_done() -> None:
    if missing := await pending_migrations():
        raise MigrationsPending(", ".join(missing))


class _WorkerProbe:
    """Some worker keeps up with the work."""

    def __init__(self) -> None:
        self._watch = LagWatch()

    async def __call__(self) -> dict[str, float]:
        lag = await self._watch.look()
        if lag.is_too_long:
            raise RuntimeError(f"the oldest piece of work has waited {lag.seconds:.0f} s")
        return {"lagSeconds": round(lag.seconds, 1)}


async def _webhooks_arrive() -> dict[str, object]:
    """Passes even when none does: what Stripe does not send is polled, so reads and writes work."""
    seen = await delivery_health.lately()
    return {
        "state": "degraded: no webhook arrives, events are polled" if seen.are_broken else "ok",
        "events": seen.events,
        "byWebhook": seen.delivered,
        "share": round(seen.share, 3) if seen.share is not None else None,
        "missed": seen.missed,
    }


async def _clocks_agree(parts: Runtime) -> dict[str, float]:
    skew = parts.runner.provider.clock_skew_seconds
    if abs(skew) > MAX_SKEW_SECONDS:
        raise RuntimeError(f"this clock is {skew:.0f} s ahead of Stripe's: webhooks will be refused")
    return {"skewSeconds": round(skew, 1)}


async def _stripe_answers(parts: Runtime) -> dict[str, float]:
    """How long Stripe is left alone. No reason to be not ready: reads work, and mutations are kept."""
    return {"restSeconds": round(parts.runner.provider.rest_seconds, 1)}


class _BusyDoorsFirst:
    """Nearly every request is for /graphql, or a webhook: those go there at once, past what FastAPI does for routes."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._graphql: ASGIApp = getattr(app.state, "graphql", app)
        self._webhooks: ASGIApp = getattr(app.state, "webhooks", app)
        self._visited: ASGIApp = getattr(app.state, "visited", self._graphql)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint: ASGIApp = self._app
        if scope["type"] == "http":
            if scope["path"] == "/graphql":
                endpoint = self._visited if is_a_visit(scope) else self._graphql
            elif scope["path"] == PATH and scope["method"] == "POST":
                endpoint = self._webhooks
        await endpoint(scope, receive, send)


class _Sandboxed:
    """Lets the offline Stripe see its own full path: its pages live under /_sandbox."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": ""}, receive, send)
