"""Compare the offline Stripe with Stripe: a fixed script of calls, made to both; prints where the answers differ.

Uses the test key of STRIPE_SECRET_KEY, makes a few test payments, and refunds them. At most 60 requests; a live key is
refused. Nothing of ours is changed, and no database is needed. docs/compare-stripe.md says what it settles.
"""

import argparse
import asyncio
from typing import Final

from cli.failures import DONE, CannotRun

HELP: Final = "compare the offline Stripe with Stripe, with a test key"
EXAMPLE: Final = "STRIPE_SECRET_KEY=sk_test_… python -m cli compare-stripe"
LOG_LEVEL: Final = "WARNING"
HOLDS_STATE: Final = False
NEEDS_SETTINGS: Final = False  # works with a test key alone, without a configured shop
FOUND: Final = 1
STRIPE: Final = "https://api.stripe.com"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add no options: the script is fixed, and a key on a command line could be read by other users."""


def run(_: argparse.Namespace) -> int:
    """Print every difference; 1 when there are any."""
    from sandbox.comparison import CannotCompare
    from settings import StripeAccess

    access = StripeAccess.load()
    if access.stripe_secret_key is None:
        raise CannotRun("STRIPE_SECRET_KEY must be a test key: without one there is no Stripe to compare with.")
    try:
        return asyncio.run(
            _compare(
                access.stripe_secret_key.get_secret_value(), access.stripe_api_base or STRIPE, access.stripe_account
            )
        )
    except CannotCompare as reason:
        raise CannotRun(str(reason)) from None


async def _compare(key: str, api_base: str, account: str | None) -> int:
    from sandbox import Sandbox
    from sandbox.comparison import MOST_REQUESTS, compare, report

    offline = Sandbox(None)
    try:
        outcome = await compare(key, api_base=api_base, offline=offline.transport(), account=account)
    finally:
        await offline.close()
    lines = report(outcome.found)
    for line in lines:
        print(line)
    for call in outcome.skipped:
        print(f"Not compared: {call} had nothing to go on with.")
    for identity in outcome.left:
        print(f"Left behind at Stripe: {identity}.")
    print(
        f"{outcome.calls} calls compared with {outcome.requests} of at most {MOST_REQUESTS} requests:"
        f" {len(lines) or 'no'} differences."
    )
    return FOUND if outcome.found or outcome.skipped else DONE
