"""compare-stripe: each seeded difference is reported, nothing else is, and nothing is left behind."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.comparison import MOST_REQUESTS, CannotCompare, Comparison, compare, side
from sandbox.comparison.differences import report
from sandbox.comparison.run import CLEANING_REQUESTS
from sandbox.comparison.script import SCRIPT
from tests.cli import commands
from tests.sandbox.other_stripe import Answered, Json, OtherStripe, other_stripe

KEY = "sk_test_tellnobody"


async def _compared(stripe: OtherStripe, **more: Any) -> Comparison:
    ours = Sandbox(None)
    try:
        return await compare(KEY, api_base=stripe.base, offline=ours.transport(), **more)
    finally:
        await ours.close()


def _clean(stripe: OtherStripe) -> bool:
    """Return True when no object of the comparison is left to pay, refund or delete."""
    books = stripe.sandbox.snapshot()
    given_back = {
        intent["id"]: sum(refund["amount"] for refund in books.refunds if refund["payment_intent"] == intent["id"])
        for intent in books.payment_intents
    }
    return all(
        intent["status"] == "canceled"
        or (intent["status"] == "succeeded" and given_back[intent["id"]] >= intent["amount_received"])
        for intent in books.payment_intents
    )


def test_the_script_leaves_requests_for_cleaning_up() -> None:
    assert len(SCRIPT) + CLEANING_REQUESTS <= MOST_REQUESTS == 60
    assert len({call.name for call in SCRIPT}) == len(SCRIPT)


async def test_two_offline_stripes_do_not_differ_and_nothing_is_left() -> None:
    async with other_stripe() as stripe:
        outcome = await _compared(stripe)

        assert report(outcome.found) == []
        assert (outcome.skipped, outcome.left, outcome.calls) == ([], [], len(SCRIPT))
        assert outcome.requests == len(stripe.asked) <= MOST_REQUESTS
        assert _clean(stripe)
        assert ("DELETE", "/v1/customers/") in {(method, path[:14]) for method, path, _ in stripe.asked}
        assert {headers["stripe-version"] for _, _, headers in stripe.asked} == {"2026-10-28.endive"}


def _on(method: str, path: str, change: Callable[[Answered], object]) -> Callable[[Answered], object]:
    """Apply a change to the answers of some calls alone."""

    def plant(answer: Answered) -> None:
        if answer.method == method and path in answer.path and answer.status < 300:
            change(answer)

    return plant


def _refusal(code: str, said: Json, status: int | None = None) -> Callable[[Answered], object]:
    """Make a change of the errors with this code."""

    def plant(answer: Answered) -> None:
        if answer.body.get("error", {}).get("code") == code:
            answer.status = status or answer.status
            answer.body["error"] |= said

    return plant


def _never_replays(answer: Answered) -> None:
    answer.headers.pop("idempotent-replayed", None)


def _reversed(answer: Answered) -> None:
    answer.body["data"] = answer.body.get("data", [])[::-1]


PLANTS: dict[str, tuple[Callable[[Answered], object], str]] = {
    "a status": (
        _on("POST", "/capture", lambda a: a.body.update(status="processing")),
        "status: Stripe processing, offline succeeded (capture a part",
    ),
    "a key more": (
        _on("GET", "/v1/payment_intents/pi_", lambda a: a.body.update(novelty={})),
        "novelty: Stripe an object, offline absent (look at it",
    ),
    "a key less": (
        _on("POST", "/v1/refunds", lambda a: a.body.pop("destination_details")),
        "destination_details: Stripe absent, offline an object (refund a part",
    ),
    "another type": (
        _on("GET", "/v1/charges/", lambda a: a.body.update(amount_captured="1099")),
        "amount_captured: Stripe text, offline a number (look at its charge",
    ),
    "null": (
        _on("POST", "/confirm", lambda a: a.body["latest_charge"].update(outcome=None)),
        "latest_charge.outcome: Stripe null, offline an object (confirm it",
    ),
    "an amount": (
        _on("POST", "/capture", lambda a: a.body["latest_charge"].update(amount_captured=10_000)),
        "latest_charge.amount_captured: Stripe 10000, offline 6000 (capture a part)",
    ),
    "a word of an enum": (
        _on("POST", "/v1/payment_intents", lambda a: a.body.update(capture_method="automatic")),
        "capture_method: Stripe automatic, offline ",
    ),
    "a boolean": (
        _on("GET", "/v1/charges/", lambda a: a.body.update(captured=False)),
        "captured: Stripe False, offline True (look at its charge)",
    ),
    "an error's code": (
        _refusal("resource_missing", {"code": "not_found"}),
        "error.code: Stripe not_found, offline resource_missing (",
    ),
    "an error's status": (
        _refusal("amount_too_small", {}, status=402),
        "HTTP status: Stripe 402, offline 400 (too little)",
    ),
    "a decline code": (
        _refusal("card_declined", {"decline_code": "do_not_honor"}),
        "error.decline_code: Stripe do_not_honor, offline stolen_card (a stolen card)",
    ),
    "no replay": (
        _never_replays,
        "header idempotent-replayed: Stripe absent, offline true (make it again with its key",
    ),
    "a list's order": (
        _on("GET", "/v1/refunds", _reversed),
        "order of the list: Stripe first, second, offline second, first (list its refunds)",
    ),
    "an end of a list": (
        _on("GET", "/v1/payment_intents", lambda a: a.body.update(has_more=False)),
        "has_more: Stripe False, offline True (the newest payments",
    ),
    "our metadata": (
        _on("POST", "/v1/refunds", lambda a: a.body.update(metadata={"comparison": "Other"})),
        "metadata.comparison: Stripe another text, offline first (refund a part",
    ),
}


@pytest.mark.parametrize("name", PLANTS)
async def test_each_planted_difference_is_reported(name: str) -> None:
    plant, expected = PLANTS[name]

    async with other_stripe(plant) as stripe:
        lines = report((await _compared(stripe)).found)

    assert [line for line in lines if line.startswith(expected)], lines


async def test_an_account_that_records_what_it_releases_differs_from_one_that_does_not() -> None:
    """The two versions of Stripe's API differ here: the most expensive guess."""
    async with other_stripe(releases="refunds") as stripe:
        lines = report((await _compared(stripe)).found)

    assert "data: Stripe 1 items, offline 0 items (list what was released; list what was given up)" in lines
    assert "latest_charge.amount_refunded: Stripe 4000, offline 0 (capture a part)" in lines


async def test_what_no_earlier_answer_told_is_said_to_be_left_out() -> None:
    def plant(answer: Answered) -> None:
        if answer.path == "/v1/customers" and answer.method == "POST":
            del answer.body["id"]

    async with other_stripe(plant) as stripe:
        outcome = await _compared(stripe)

    assert "make a payment (Stripe)" in outcome.skipped


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x", "pk_live_x", "pk_test_x", "", "whsec_x"])
async def test_only_a_test_key_is_used(key: str) -> None:
    async with other_stripe() as stripe:
        with pytest.raises(CannotCompare, match="test key"):
            await compare(key, api_base=stripe.base, offline=Sandbox(None).transport())

        assert stripe.asked == []


async def test_the_key_is_sent_to_no_address_where_others_can_read_it() -> None:
    with pytest.raises(CannotCompare, match="https"):
        await compare(KEY, api_base="http://stripe.example", offline=Sandbox(None).transport())


async def test_the_limit_of_requests_is_a_hard_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side, "MOST_REQUESTS", 20)

    async with other_stripe() as stripe:
        with pytest.raises(CannotCompare, match="limit"):
            await _compared(stripe)

        assert len(stripe.asked) <= 20
        assert _clean(stripe)


async def test_the_time_is_limited_and_what_was_made_is_cleaned_up() -> None:
    def plant(answer: Answered) -> object:
        return asyncio.sleep(3) if answer.path.endswith("/capture") else None

    async with other_stripe(plant) as stripe:
        with pytest.raises(CannotCompare, match="took longer"):
            await _compared(stripe, seconds=2.0)

        assert _clean(stripe)


async def test_the_command_prints_differences_and_never_the_key() -> None:
    def plant(answer: Answered) -> None:
        answer.body["echo"] = KEY
        if answer.body.get("error"):
            answer.body["error"]["message"] = f"Invalid API Key provided: {KEY}"

    async with other_stripe(plant) as stripe:
        environment = {"STRIPE_SECRET_KEY": KEY, "STRIPE_API_BASE": stripe.base}
        ended = await commands.run("compare-stripe", **environment)

    assert ended.code == 1, ended
    assert "echo: Stripe text, offline absent (" in ended.out
    assert "calls compared with" in ended.out
    assert KEY not in ended.out + ended.err


async def test_the_command_says_that_nothing_differs() -> None:
    async with other_stripe() as stripe:
        ended = await commands.run("compare-stripe", STRIPE_SECRET_KEY=KEY, STRIPE_API_BASE=stripe.base)

    assert (ended.code, ended.err) == (0, ""), ended
    assert ended.out == f"{len(SCRIPT)} calls compared with 51 of at most 60 requests: no differences.\n"


@pytest.mark.parametrize(
    ("key", "says"),
    [("sk_live_tellnobody", "live key"), ("rk_live_tellnobody", "live key"), (None, "STRIPE_SECRET_KEY")],
)
async def test_the_command_refuses_a_live_key_and_none_at_all(key: str | None, says: str) -> None:
    ended = await commands.run("compare-stripe", **({"STRIPE_SECRET_KEY": key} if key else {}))

    assert ended.code == 2
    assert ended.says_one_sentence(), ended
    assert says in ended.err
    assert "tellnobody" not in ended.err


async def test_a_stripe_that_cannot_be_asked_is_one_sentence() -> None:
    base = f"http://127.0.0.1:{commands.free_port()}"

    ended = await commands.run("compare-stripe", STRIPE_SECRET_KEY=KEY, STRIPE_API_BASE=base)

    assert ended.code == 2
    assert ended.says_one_sentence(), ended
    assert "cannot be asked" in ended.err
