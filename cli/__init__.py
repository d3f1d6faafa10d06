"""The commands: `python -m cli demo | serve | worker | migrate | sandbox | token | schema | replay | reconcile | …`."""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from domain.caller import Scope
from models import database
from models.embedded import EmbeddedPostgres
from server.callers import sign_token
from server.log import configure_logging
from settings import Settings, SettingsError

START_SECONDS = 60  # a process that is still importing on a busy machine is not dead


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 when it did what it was asked."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(json=settings.log_format == "json", level=options.log_level)
    signal.signal(signal.SIGTERM, _leave)
    try:
        result: int = options.run(settings, options)
    except KeyboardInterrupt:
        return 130
    return result


def _leave(number: int, _: object) -> None:
    """SIGTERM ends a command as Ctrl-C does: through its `finally`, so that the embedded database stops too."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cli", description="Paygraph: payments over GraphQL, exactly once.")
    parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING or ERROR")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="serve on loopback with a few orders, tokens and examples")
    demo.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    demo.set_defaults(run=run_demo, log_level="WARNING")

    serve = commands.add_parser("serve", help="serve the API; webhooks are applied by `worker`")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    serve.add_argument("--workers", type=int, default=1, help="processes")
    serve.set_defaults(run=run_serve)

    worker = commands.add_parser("worker", help="apply webhooks, resume operations, poll Stripe")
    worker.add_argument(
        "--port", type=int, default=int(os.environ.get("PORT", "8000")), help="the server's, for the offline Stripe"
    )
    worker.set_defaults(run=run_worker)

    migrate = commands.add_parser("migrate", help="bring the database's structure up to date")
    migrate.set_defaults(run=run_migrate)

    sandbox = commands.add_parser("sandbox", help="serve the offline Stripe on loopback, for other programs' tests")
    sandbox.add_argument("--port", type=int, default=12111)
    sandbox.add_argument("--webhook-url", help="where to send webhooks")
    sandbox.set_defaults(run=run_sandbox)

    token = commands.add_parser("token", help="sign a bearer token")
    token.add_argument("--subject", required=True, help="the caller; for a buyer, the customer's external id")
    token.add_argument("--scope", default="", help='space-separated, e.g. "payments:read refunds:write"')
    token.add_argument("--ttl", type=int, default=3600, help="seconds")
    token.set_defaults(run=run_token)

    schema = commands.add_parser("schema", help="print the schema, or write it to schema/schema.graphql")
    schema.add_argument("--write", action="store_true")
    schema.set_defaults(run=run_schema)

    replay = commands.add_parser("replay", help="apply stored events of Stripe's again")
    _replay_options(replay)
    replay.set_defaults(run=run_replay)

    reconcile = commands.add_parser("reconcile", help="compare everything of a window with Stripe")
    reconcile.add_argument(
        "--from", dest="start", type=_moment, help="ISO 8601, UTC without an offset; 25 h before --to"
    )
    reconcile.add_argument("--to", dest="end", type=_moment, help="exclusive; ten minutes ago")
    reconcile.add_argument("--repair", action="store_true", help="merge what Stripe says where that is safe")
    reconcile.set_defaults(run=run_reconcile, log_level="WARNING")

    verify = commands.add_parser("verify-audit", help="check every chain of the audit trail")
    verify.add_argument("--head", type=Path, help="heads kept elsewhere: compared if the file exists, else written")
    verify.set_defaults(run=run_verify_audit, log_level="WARNING")

    reset = commands.add_parser("reset", help="forget the demo's data")
    reset.set_defaults(run=run_reset)
    return parser


def _replay_options(replay: argparse.ArgumentParser) -> None:
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("event_ids", nargs="*", default=[], metavar="event_id", help="Stripe's ids, evt_…")
    which.add_argument("--dead", action="store_true", help="all that were given up")
    replay.add_argument("--dry-run", action="store_true", help="only say which it would be")


def run_demo(settings: Settings, options: argparse.Namespace) -> int:
    """Serve everything in one process, with the worker and the offline Stripe."""
    from server.demo import serve_demo  # only this command needs it, and it is the slowest import

    if settings.environment == "production":
        print("The demo does not run with ENVIRONMENT=production. Use `serve` and `worker`.", file=sys.stderr)
        return 2
    with _database(settings) as complete:
        return asyncio.run(serve_demo(complete, port=options.port))


def run_serve(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the API with as many processes as asked."""
    from server.connections import OPTIONS

    os.environ["PORT"] = str(options.port)  # for the processes that uvicorn starts
    with _database(settings):
        uvicorn.run(
            "server.app:from_environment",
            factory=True,
            host=options.host,
            port=options.port,
            workers=options.workers,
            timeout_worker_healthcheck=START_SECONDS,
            **OPTIONS,
        )
    return 0


def run_worker(settings: Settings, options: argparse.Namespace) -> int:
    """Run the worker until SIGTERM or Ctrl-C."""
    with _database(settings) as complete:
        asyncio.run(_work(complete, port=options.port))
    return 0


async def _work(settings: Settings, *, port: int) -> None:
    """Work until told to stop; without a Stripe key, deliver the offline Stripe's webhooks to the server at `port`."""
    from server.app import background
    from server.offline import offline_stripe
    from server.parts import open_parts
    from webhooks.routes import PATH

    sandbox = offline_stripe(settings, webhook_url=f"http://127.0.0.1:{port}{PATH}")
    async with open_parts(settings, sandbox=sandbox) as parts:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, parts.worker.stop)
        async with background(parts, run_worker=False, deliver=True):
            await parts.worker.run()


def run_migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Apply the migrations that are missing; several at once wait for each other."""
    with _database(settings, migrated=False) as complete:
        assert complete.database_url is not None
        applied = asyncio.run(database.migrate(complete.database_url.get_secret_value()))
    print("\n".join(applied) if applied else "The database is up to date.")
    return 0


def run_sandbox(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the offline Stripe on loopback. Refuses to start beside a live key."""
    from server.offline import serve_offline_stripe

    if settings.livemode:
        print("STRIPE_SECRET_KEY is a live key: the offline Stripe does not start beside one.", file=sys.stderr)
        return 2
    asyncio.run(serve_offline_stripe(settings, port=options.port, webhook_url=options.webhook_url))
    return 0


def run_token(settings: Settings, options: argparse.Namespace) -> int:
    """Print a bearer token."""
    from server.parts import jwt_secret

    try:
        scopes = [Scope(word) for word in options.scope.split()]
    except ValueError:
        print(f"--scope takes these words: {' '.join(Scope)}", file=sys.stderr)
        return 2
    secret = jwt_secret(settings)
    if secret is None:
        print("AUTH_JWKS_URL is set: tokens are signed by your identity provider.", file=sys.stderr)
        return 2
    print(
        sign_token(
            secret,
            options.subject,
            scopes,
            timedelta(seconds=options.ttl),
            issuer=settings.auth_issuer,
            audience=settings.auth_audience,
        )
    )
    return 0


def run_schema(_: Settings, options: argparse.Namespace) -> int:
    """Print the schema as the code defines it."""
    from schema import print_sdl

    text = print_sdl()
    if options.write:
        Path("schema/schema.graphql").write_text(text)
    else:
        print(text, end="")
    return 0


def run_replay(settings: Settings, options: argparse.Namespace) -> int:
    """Make stored events due again; the worker applies them. 1 when one is not there."""
    from server.replays import replay_once

    with _database(settings) as complete:
        return asyncio.run(replay_once(complete, options.event_ids, dead=options.dead, dry_run=options.dry_run))


def run_reconcile(settings: Settings, options: argparse.Namespace) -> int:
    """Compare a window with Stripe; 1 when findings about money are open, 2 when it could not be done."""
    from server.audits import reconcile_once

    with _database(settings) as complete:
        return asyncio.run(reconcile_once(complete, start=options.start, end=options.end, repair=options.repair))


def run_verify_audit(settings: Settings, options: argparse.Namespace) -> int:
    """Check every chain, and the heads of a file; 1 when one does not hold."""
    from server.audits import verify_audit

    with _database(settings) as complete:
        return asyncio.run(verify_audit(complete, heads=options.head))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def run_reset(settings: Settings, _: argparse.Namespace) -> int:
    """Delete the embedded database and everything else under the state folder."""
    EmbeddedPostgres(settings.state_dir).destroy()
    shutil.rmtree(settings.state_dir, ignore_errors=True)
    print(f"Forgot everything under {settings.state_dir}.")
    return 0


@contextlib.contextmanager
def _database(settings: Settings, *, migrated: bool = True) -> Iterator[Settings]:
    """The settings with a database: the configured one, or the embedded one, started here and brought up to date."""
    if settings.database_url is not None:
        yield settings
        return
    with EmbeddedPostgres(settings.state_dir) as url:
        os.environ["DATABASE_URL"] = url  # for the processes that this one starts
        complete = Settings.load()
        if migrated:
            asyncio.run(database.migrate(url))
        yield complete

