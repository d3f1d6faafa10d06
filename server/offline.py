"""The offline Stripe, started when there is no key, or on loopback for other people's tests."""

import asyncio

import httpx
import uvicorn

from sandbox import Sandbox
from server.parts import webhook_secrets
from settings import Settings

FILE = "stripe.sqlite3"


def offline_stripe(
    settings: Settings, *, webhook_url: str | None, webhook_transport: httpx.AsyncBaseTransport | None = None
) -> Sandbox | None:
    """The offline Stripe with its state under the state folder, or None when there is a real key or another base."""
    if not settings.offline or settings.stripe_api_base is not None:
        return None
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    return Sandbox(
        settings.state_dir / FILE,
        webhook_url=webhook_url,
        webhook_secret=webhook_secrets(settings)[0],
        webhook_transport=webhook_transport,
        faults_enabled=settings.sandbox_faults,
    )


async def serve_offline_stripe(settings: Settings, *, port: int, webhook_url: str | None) -> None:
    """Serve it on 127.0.0.1 until Ctrl-C."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(
        settings.state_dir / FILE,
        webhook_url=webhook_url,
        webhook_secret=webhook_secrets(settings)[0],
        faults_enabled=settings.sandbox_faults,
    )
    server = uvicorn.Server(
        uvicorn.Config(sandbox.asgi, host="127.0.0.1", port=port, log_config=None, access_log=False)
    )
    delivering = asyncio.create_task(sandbox.run())
    try:
        print(f"The offline Stripe answers on http://127.0.0.1:{port} (any sk_test_ key).", flush=True)
        await server.serve()
    finally:
        delivering.cancel()
        await sandbox.close()
