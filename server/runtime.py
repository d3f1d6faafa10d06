"""The parts of a running application, built from the settings and shared by server, worker and commands."""

import os
import secrets as random_secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from database.connection import close_database, open_database
from database.notifier import send_notifications
from database.transactions import drain, is_in_transaction
from provider import Budget, Provider
from sandbox import Sandbox
from services.inbox.inbox import Endpoint
from services.live.hub import Live
from services.live.refresh_on_read import ProviderReads
from services.money.operations.recovery import RecoveryOnRead
from services.money.operations.runner import OperationRunner
from services.retry_policy import RetryPolicy
from settings import SHORTEST_JWT_SECRET, Settings, SettingsError
from webhooks.handlers import HANDLED
from worker import Worker, WorkerJobs

log = structlog.get_logger(__name__)

OFFLINE_KEY = "sk_test_offline"
DRAIN_SECONDS = 2.0  # see server/app.py: the last of the ten seconds


@dataclass(frozen=True, slots=True)
class Runtime:
    """The open and ready parts of an application."""

    runner: OperationRunner
    recovery: RecoveryOnRead
    provider_reads: ProviderReads
    live: Live
    endpoint: Endpoint
    worker: Worker
    sandbox: Sandbox | None


@asynccontextmanager
async def open_runtime(
    settings: Settings, *, sandbox: Sandbox | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Runtime]:
    """Open database and provider, and close them when running work is done.

    `sandbox` is the offline Stripe, when there is no key; `transport` replaces the network to Stripe.
    """
    await open_database(
        database_url(settings),
        pool_size=settings.database_pool_size,
        acquire_timeout=settings.database_acquire_timeout_seconds,
    )
    key = settings.stripe_secret_key
    provider = Provider(
        secret_key=key.get_secret_value() if key else OFFLINE_KEY,
        livemode=settings.livemode,
        timeout_seconds=settings.stripe_timeout_seconds,
        api_base=settings.stripe_api_base,
        account=settings.stripe_account,
        transport=transport or (sandbox.transport() if sandbox else None),
        before_request=refuse_network_in_transaction,
        budget=_budget(settings),
    )
    runner = OperationRunner(provider, _retry_policy(settings))
    recovery = RecoveryOnRead(runner, enabled=settings.repair_on_read)
    endpoint = Endpoint(livemode=settings.livemode, account=settings.stripe_account, types=HANDLED)
    worker = Worker(runner=runner, endpoint=endpoint, jobs=_jobs(settings))
    provider_reads = ProviderReads(provider)
    live = Live(poll_seconds=settings.live_poll_seconds)
    url = database_url(settings)
    try:
        async with (
            send_notifications(url, enabled=settings.live_notifications),
            live.run(url if settings.live_notifications else None),
        ):
            yield Runtime(runner, recovery, provider_reads, live, endpoint, worker, sandbox)
    finally:
        await provider_reads.close()
        await drain(DRAIN_SECONDS)
        await provider.close()
        await close_database()


def _retry_policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        lease_seconds=settings.lease_seconds,
        unknown_grace_seconds=settings.unknown_grace_seconds,
        key_life_seconds=settings.stripe_key_life_seconds,
        sticky_error_seconds=settings.sticky_error_seconds,
        review_seconds=settings.review_interval_seconds,
        request_budget_seconds=settings.request_budget_seconds,
    )


def _jobs(settings: Settings) -> WorkerJobs:
    return WorkerJobs(
        tick_seconds=settings.worker_tick_seconds,
        concurrency=settings.worker_concurrency,
        poll_interval_seconds=settings.poll_interval_seconds,
        webhooks=settings.worker_webhooks,
        janitor=settings.worker_janitor,
        poller=settings.worker_poller,
        sweep_interval_seconds=settings.sweep_interval_seconds,
        sweeper=settings.worker_sweeper,
        reconcile_interval_seconds=settings.reconcile_interval_seconds,
        reconciler=settings.worker_reconciler,
    )


def _budget(settings: Settings) -> Budget:
    """Return the request rate that Stripe allows an account; the offline Stripe has no such limits."""
    if settings.offline:
        return Budget()
    return Budget(per_second=settings.stripe_requests_per_second, per_endpoint=settings.stripe_requests_per_endpoint)


def refuse_network_in_transaction() -> None:
    """Fail inside an open transaction: a slow answer of Stripe would hold locks and a connection."""
    if is_in_transaction():
        raise RuntimeError("Stripe was called inside a transaction")


def database_url(settings: Settings) -> str:
    """Return the database's address, which `cli` has set by now, to the embedded database if need be."""
    assert settings.database_url is not None, "DATABASE_URL is unset and no embedded PostgreSQL was started"
    return settings.database_url.get_secret_value()


def kept_secret(state_dir: Path, name: str) -> str:
    """Return a secret of this installation, made once and kept in a file that only its owner can read.

    The file appears complete or not at all: another process may read it, or this one may be killed, while it is
    written. Raises SettingsError for an empty file.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    path = state_dir / name
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(dir=state_dir, prefix=f".{name}-")  # readable by its owner alone
        try:
            with open(descriptor, "w") as file:
                file.write(random_secrets.token_urlsafe(48))
            with suppress(FileExistsError):  # another process was faster
                os.link(draft, path)
        finally:
            os.unlink(draft)
    secret = path.read_text(errors="replace").strip()
    if len(secret.encode()) < SHORTEST_JWT_SECRET:
        raise SettingsError(f"PAYGRAPH_DIR: {path} holds no secret of {SHORTEST_JWT_SECRET} bytes: move it away.")
    return secret


def jwt_secret(settings: Settings) -> str | None:
    """Return the secret that signs tokens: the configured one, or outside production one of this installation."""
    if settings.auth_jwt_secret is not None:
        return settings.auth_jwt_secret.get_secret_value()
    return None if settings.auth_jwks_url else kept_secret(settings.state_dir, "jwt_secret")


def webhook_secrets(settings: Settings) -> tuple[str, ...]:
    """Return the secrets that webhooks are verified with; the offline Stripe signs with one of this installation."""
    if settings.stripe_webhook_secrets:
        return tuple(secret.get_secret_value() for secret in settings.stripe_webhook_secrets)
    return ("whsec_" + kept_secret(settings.state_dir, "webhook_secret"),)
