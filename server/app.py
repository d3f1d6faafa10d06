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

from database.connection import find_pending_migrations, is_read_only
from domain.caller import Scope as CallerScope
from domain.loopback import is_loopback
from resolvers.context import RequestContext
from resolvers.reading.customer_cache import OwnCustomers
from sandbox import Sandbox
from server import wiring
from server.access.authentication import Authenticator, sign_token
from server.gc_tuning import settle_memory
from server.graphql.http import GraphQLEndpoint
from server.graphql.sdl import SchemaDocument
from server.graphql.trusted_documents import explores
from server.graphql.websocket import GraphQLSocket
from server.http import request_context
from server.http.errors import RequestRefused
from server.http.health import MaySee, Probe, Readiness, answer_liveness
from server.http.logs import configure_logging
from server.http.middleware import add_middleware, answer_crash, answer_http_exception
from server.offline_stripe import offline_stripe
from server.pages.demo_shop import DemoShop, Sign
from server.pages.static import add_web, is_a_visit
from server.runtime import Runtime, jwt_secret, open_runtime, webhook_secrets
from services.inbox import delivery_health
from services.inbox.inbox import Endpoint
from services.inbox.lag import LagWatch
from settings import Settings
from webhooks.handlers import HANDLED
from webhooks.routes import MAX_BODY_BYTES, PATH, StripeWebhooks

VIEW_TOKEN_LIFE = timedelta(minutes=30)  # as long as a buyer reads a receipt page
# A platform waits ten seconds between SIGTERM and SIGKILL: four for requests (uvicorn), three for mutations whose
# clients have disconnected, two for the rest. Work left unfinished then has a lease, and another process resumes it.
MUTATION_SECONDS = 3.0
MAX_SKEW_SECONDS = 120.0  # beyond 300 s every webhook is refused as a replay; say so before that


class MigrationsPending(RuntimeError):
    """The database lacks migrations that this code needs."""


def from_environment() -> ASGIApp:
    """Build the application of `python -m cli serve`, once in each process."""
    settings = Settings.load()
    configure_logging(json=settings.log_format == "json")
    port = int(os.environ.get("PORT", "8000"))  # set by `serve`; the offline Stripe's 3DS page is served there
    app = with_middleware(create_app(settings, run_worker=False, own_port=port, deliver=False), settings)
    settle_memory()
    return app


def with_middleware(app: FastAPI, settings: Settings) -> ASGIApp:
    """Wrap the application in its middleware: request ids, logs, security headers, CORS, body caps."""
    return add_middleware(
        _BusyRoutesFirst(app),
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
    """Build the whole application, still without its middleware. `run_worker` runs the worker in this process as well.

    With no Stripe key the offline Stripe answers in this process: `sandbox`, or a new one in the state folder that
    sends webhooks to `own_port` (`deliver`: from this process). `transport` replaces the network to Stripe.
    """
    webhook_url = f"http://127.0.0.1:{own_port}{PATH}" if own_port else None
    if sandbox is None and transport is None:
        sandbox = offline_stripe(settings, webhook_url=webhook_url)
    secret = jwt_secret(settings)  # without one (an identity provider's keys are used), there are no view tokens
    callers = Authenticator(
        secret=secret,
        jwks_url=settings.auth_jwks_url,
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
    )

    @asynccontextmanager
    async def run_lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_runtime(settings, sandbox=sandbox, transport=transport) as runtime:
            if missing := await find_pending_migrations():
                raise MigrationsPending(f"Run `python -m cli migrate` first; missing: {', '.join(missing)}")
            app.state.runtime = runtime
            async with run_background(runtime, run_worker=run_worker, deliver=deliver and own_port is not None):
                yield
                await endpoint.drain(MUTATION_SECONDS)

    app = _bare_fastapi(run_lifespan)
    own_customers, rules = OwnCustomers(), wiring.rules(settings)

    def context(origin: request_context.RequestOrigin) -> RequestContext:
        runtime: Runtime = app.state.runtime
        return RequestContext.for_request(
            caller=origin.caller,
            request_id=origin.request_id,
            languages=origin.languages,
            runner=runtime.runner,
            recovery=runtime.recovery,
            provider_reads=runtime.provider_reads,
            live=runtime.live,
            rules=rules,
            publishable_key=settings.stripe_publishable_key,
            own_customers=own_customers,
            sign_view_token=_view_tokens(callers if secret else None),
        )

    app.state.graphql = endpoint = _graphql(settings, callers, context)
    socket = GraphQLSocket(endpoint, allowed_origins=wiring.allowed_origins(settings))
    app.router.routes += [Route("/graphql", endpoint), WebSocketRoute("/graphql", socket)]
    _add_other_routes(app, settings, sandbox)
    return app


def _graphql(settings: Settings, callers: Authenticator, context: request_context.ContextFactory) -> GraphQLEndpoint:
    """Build the GraphQL endpoint within the limits of the settings."""
    return GraphQLEndpoint(
        wiring.served_schema(settings),
        authenticate=callers.authenticate,
        context_factory=context,
        may_introspect=_introspection(settings),
        limits=wiring.limits(settings),
        stream_limits=wiring.stream_limits(settings),
        trusted=wiring.trusted_documents(settings),
        rates=wiring.rates(settings),
        proxies=settings.trusted_proxies,
        planned=settings.execution == "planned",
        anonymous_access=wiring.anonymous_access(settings),
    )


def _introspection(settings: Settings) -> request_context.MayIntrospect:
    """Return the predicate that decides who may read the schema, by introspection or as text."""
    return lambda caller: settings.environment != "production" or explores(caller)


def _view_tokens(callers: Authenticator | None) -> Callable[[UUID, UUID | None], str | None]:
    """Return a function that signs view tokens; it returns None where there is no secret to sign with."""
    if callers is None:
        return lambda order_id, customer_id: None
    return lambda order_id, customer_id: callers.sign_view_token(order_id, customer_id, VIEW_TOKEN_LIFE)


def _bare_fastapi(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """Make a FastAPI application without its default routes and documentation pages."""
    return FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would repeat the query string, at whatever Host the client named
        exception_handlers={Exception: answer_crash, HTTPException: answer_http_exception},
    )


def _add_other_routes(app: FastAPI, settings: Settings, sandbox: Sandbox | None) -> None:
    """Add every route beside /graphql: webhooks, the probes, the SDL, and the offline Stripe when there is one."""
    webhooks = StripeWebhooks(
        secrets=webhook_secrets(settings),
        endpoint=Endpoint(livemode=settings.livemode, account=settings.stripe_account, types=HANDLED),
    )
    app.router.routes.append(Route(PATH, webhooks, methods=["POST"]))
    app.state.webhooks = webhooks
    app.add_route("/healthz", answer_liveness)
    probes: dict[str, Probe] = {
        "database": _check_database,
        "migrations": _check_migrations,
        "worker": _WorkerProbe(),
        "webhooks": _report_webhooks,
        "clock": lambda: _check_clocks(app.state.runtime),
        "stripe": lambda: _report_stripe(app.state.runtime),
        "plans": lambda: _report_plans(app.state.graphql),
    }
    app.state.readiness = Readiness(probes, may_see=_figures(app.state.graphql, settings))
    app.add_route("/readyz", app.state.readiness.answer)
    sdl = SchemaDocument(wiring.served_sdl(settings), app.state.graphql, _introspection(settings))
    app.add_route("/schema.graphql", sdl.__call__)
    has_shop = sandbox is not None and settings.environment != "production" and jwt_secret(settings) is not None
    add_web(app, settings, has_shop=has_shop)
    if has_shop:
        app.router.routes.extend(DemoShop(app, _signing(settings)).routes)
    if sandbox is not None:
        app.mount("/_sandbox", _Sandboxed(sandbox.asgi))


def _figures(endpoint: GraphQLEndpoint, settings: Settings) -> MaySee:
    """Return the predicate for the details of `/readyz`: tokens with ops:read, and outside production any local client.

    In production a loopback address proves nothing: a proxy on this machine may forward anybody's request.
    """

    async def check_caller(request: Request) -> bool:
        if settings.environment != "production" and request.client is not None and is_loopback(request.client.host):
            return True
        try:
            caller = await endpoint.authenticate(request.headers.getlist("authorization"))
        except RequestRefused:
            return False
        return caller is not None and caller.can(CallerScope.OPS_READ)

    return check_caller


def _signing(settings: Settings) -> Sign:
    """Return a function that signs access tokens with this installation's secret."""
    secret = jwt_secret(settings)
    assert secret is not None, "tokens are signed elsewhere"
    return lambda subject, scopes, life: sign_token(
        secret, subject, scopes, life, issuer=settings.auth_issuer, audience=settings.auth_audience
    )


@asynccontextmanager
async def run_background(runtime: Runtime, *, run_worker: bool, deliver: bool) -> AsyncIterator[None]:
    """Run the worker and the offline Stripe's deliveries for as long as the application serves."""
    tasks: list[asyncio.Task[None]] = []
    if run_worker:
        tasks.append(asyncio.create_task(runtime.worker.run()))
    delivering: asyncio.Task[None] | None = None
    if runtime.sandbox is not None and deliver:
        delivering = asyncio.create_task(runtime.sandbox.run())
    try:
        yield
    finally:
        runtime.worker.stop()
        await asyncio.gather(*tasks)
        if delivering is not None:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
        if runtime.sandbox is not None:
            await runtime.sandbox.close()


class DatabaseIsReadOnly(RuntimeError):
    """The database refuses writes: it is a standby, or became one."""


async def _check_database() -> None:
    if await is_read_only():
        raise DatabaseIsReadOnly


async def _check_migrations() -> None:
    if missing := await find_pending_migrations():
        raise MigrationsPending(", ".join(missing))


class _WorkerProbe:
    """A probe that passes while some worker keeps up with the work."""

    def __init__(self) -> None:
        self._watch = LagWatch()

    async def __call__(self) -> dict[str, float]:
        lag = await self._watch.measure()
        if lag.is_too_long:
            raise RuntimeError(f"the oldest piece of work has waited {lag.seconds:.0f} s")
        return {"lagSeconds": round(lag.seconds, 1)}


async def _report_webhooks() -> dict[str, object]:
    """Report the age of the last webhook. Never fails: missing events are polled, so reads and writes still work."""
    recent = await delivery_health.measure_delivery()
    return {
        "state": "degraded: no webhook arrives, events are polled" if recent.are_broken else "ok",
        "events": recent.events,
        "byWebhook": recent.delivered,
        "share": round(recent.share, 3) if recent.share is not None else None,
        "missed": recent.missed,
    }


async def _report_plans(endpoint: GraphQLEndpoint) -> dict[str, int]:
    """Return the answers that no plan could give. The probe passes in any case: graphql-core gave them, only slower."""
    return {"fallbacks": endpoint.execution.fallbacks, "unplanned": endpoint.execution.unplanned}


async def _check_clocks(runtime: Runtime) -> dict[str, float]:
    skew = runtime.runner.provider.clock_skew_seconds
    if abs(skew) > MAX_SKEW_SECONDS:
        raise RuntimeError(f"this clock is {skew:.0f} s ahead of Stripe's: webhooks will be refused")
    return {"skewSeconds": round(skew, 1)}


async def _report_stripe(runtime: Runtime) -> dict[str, float]:
    """Report for how long no calls are sent to Stripe.

    Never fails: reads work, and mutations are stored and resumed.
    """
    return {"restSeconds": round(runtime.runner.provider.breaker_open_seconds, 1)}


class _BusyRoutesFirst:
    """Routes /graphql and webhooks directly, past FastAPI's routing: nearly every request is for one of them."""

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
    """Gives the offline Stripe its own full path: its pages are mounted under /_sandbox."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": ""}, receive, send)
