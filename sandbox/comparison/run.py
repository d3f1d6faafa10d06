"""The run of a comparison: make the script's calls to both sides, compare, and always clean up."""

import asyncio
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final
from urllib.parse import urlsplit

import httpx

from domain.api_version import STRIPE_API_VERSION
from sandbox.comparison.differences import Difference, differences
from sandbox.comparison.script import SCRIPT
from sandbox.comparison.side import CALL_SECONDS, MOST_REQUESTS, OutOfRequests, Side

LIVE: Final = ("sk_live_", "rk_live_", "pk_live_")
TEST: Final = ("sk_test_", "rk_test_")
LONGEST_SECONDS: Final = 240.0  # for the script; cleaning up has a time limit of its own
CLEANING_SECONDS: Final = 60.0
CLEANING_REQUESTS: Final = 8
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
OFFLINE_KEY: Final = "sk_test_comparison"


class CannotCompare(Exception):
    """The comparison cannot be made or completed; the text says why, and holds no secret."""


@dataclass(slots=True)
class Comparison:
    """The result of a comparison. `skipped` names calls that lacked an earlier answer, and on which side."""

    calls: int = 0
    requests: int = 0
    found: list[Difference] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


async def compare(
    key: str,
    *,
    api_base: str,
    offline: httpx.AsyncBaseTransport,
    account: str | None = None,
    seconds: float = LONGEST_SECONDS,
) -> Comparison:
    """Compare Stripe, called with a test key, with the offline Stripe behind a transport.

    At most 60 requests are sent to Stripe, and the objects they made are refunded, canceled and deleted. Raises
    CannotCompare for a live key before anything is sent, and when Stripe cannot be reached or takes too long.
    """
    if key.startswith(LIVE) or not key.startswith(TEST):
        raise CannotCompare("Only a test key (sk_test_… or rk_test_…) is taken, never a live key: payments are made.")
    base = urlsplit(api_base)
    if base.scheme != "https" and not (base.scheme == "http" and base.hostname in LOOPBACK):
        raise CannotCompare("Stripe's address must be https, or http on 127.0.0.1: the key is sent there.")
    run_id = f"comparison-{token_hex(8)}"
    outcome = Comparison()
    async with (
        _client(key, api_base, account, None) as far,
        _client(OFFLINE_KEY, "http://offline", account, offline) as near,
    ):
        stripe, ours = Side(far, run_id, reserve=CLEANING_REQUESTS), Side(near, run_id)
        why = ""
        try:
            async with asyncio.timeout(seconds):
                await _script(stripe, ours, outcome)
        except CannotCompare as reason:
            why = str(reason)
        except TimeoutError:
            why = f"Stripe took longer than {seconds:.0f} s."
        except OutOfRequests:
            why = f"The limit of {MOST_REQUESTS} requests is reached."
        except httpx.HTTPError as error:
            why = f"Stripe cannot be asked ({type(error).__name__})."
        finally:
            outcome.left = await _cleaned_up(stripe)
            outcome.requests = stripe.sent
    if why:
        raise CannotCompare(" ".join([why, f"{outcome.calls} calls were compared.", *_left(outcome)]))
    return outcome


async def _script(stripe: Side, ours: Side, outcome: Comparison) -> None:
    for call in SCRIPT:
        if not stripe.can(call) or not ours.can(call):
            outcome.skipped.append(f"{call.name} ({'offline' if stripe.can(call) else 'Stripe'})")
            continue
        theirs = await stripe.ask(call)
        if theirs.status == httpx.codes.UNAUTHORIZED:
            raise CannotCompare("Stripe refuses the key (401).")
        if theirs.status == httpx.codes.TOO_MANY_REQUESTS:
            raise CannotCompare("Stripe asks us to slow down (429).")
        outcome.found += differences(call.name, theirs, await ours.ask(call))
        outcome.calls += 1


async def _cleaned_up(stripe: Side) -> list[str]:
    try:
        async with asyncio.timeout(CLEANING_SECONDS):
            return await stripe.clean_up()
    except TimeoutError:
        return [*stripe.made, *filter(None, [stripe.kept.get("customer")])]


def _client(key: str, base: str, account: str | None, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}", "Stripe-Version": STRIPE_API_VERSION}
    if account is not None:
        headers["Stripe-Account"] = account
    return httpx.AsyncClient(base_url=base, headers=headers, transport=transport, timeout=CALL_SECONDS, trust_env=False)


def _left(outcome: Comparison) -> list[str]:
    return [f"Left behind at Stripe: {', '.join(outcome.left)}."] if outcome.left else []
