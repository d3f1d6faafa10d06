"""Serve the offline Stripe on 127.0.0.1, for other programs' tests. It takes any key that begins with sk_test_.

Point a Stripe library's API base at it. Its objects stay in the state folder. Refuses to start beside a live key.
"""

import argparse
import asyncio
from typing import Final

from cli.arguments import HIGHEST_PORT, web_address, whole_number
from cli.failures import DONE, CannotRun
from settings import Settings

HELP: Final = "serve the offline Stripe on loopback, for other programs' tests"
EXAMPLE: Final = "python -m cli sandbox --port 12111 --webhook-url http://127.0.0.1:8000/webhooks/stripe"
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = True
USUAL_PORT: Final = 12111


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: the port, and the address of webhooks."""
    port = whole_number(1, HIGHEST_PORT)
    usual = f"the port on 127.0.0.1; {USUAL_PORT} if not given"
    parser.add_argument("--port", type=port, default=USUAL_PORT, metavar="PORT", help=usual)
    parser.add_argument(
        "--webhook-url", type=web_address, metavar="URL", help="where to send webhooks; nowhere if not given"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from cli.listening import LOOPBACK, listen, until_stopped
    from server.offline_stripe import OfflineStripe

    if settings.livemode:
        raise CannotRun("STRIPE_SECRET_KEY is a live key: the offline Stripe does not start beside one.")
    sockets = listen(LOOPBACK, options.port)
    server = OfflineStripe(settings, webhook_url=options.webhook_url)
    print(
        f"The offline Stripe answers on http://{LOOPBACK}:{options.port} (any sk_test_ key). Ctrl-C stops it.",
        flush=True,
    )
    with until_stopped(lambda: server.started):
        asyncio.run(server.serve(sockets))
    return DONE
