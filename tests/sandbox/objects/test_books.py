"""The books balance: after any calls in any order, no money appears and none is lost."""

import contextlib
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Books
from sandbox.payments.releases import RECORDS
from tests.sandbox.stripe_account import DAY, Json, StripeAccount, open_account

DISPUTE_FEE = 1_500
METHODS = (
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_refundFail",
    "pm_card_pendingRefund",
    "pm_card_createDispute",
    "pm_card_createDisputeInquiry",
    "pm_usBankAccount_success",
    "pm_usBankAccount_insufficientFunds",
)
CAPTURE = ("automatic", "automatic_async", "manual")
RULINGS = ("warning_needs_response", "needs_response", "under_review", "warning_closed", "prevented", "won", "lost")
GONE = ("failed", "canceled")

WHICH = st.integers(0, 3)
AMOUNT = st.integers(50, 12_000)
ACTS = st.one_of(
    st.tuples(st.just("pay"), st.sampled_from(METHODS), AMOUNT, st.sampled_from(CAPTURE)),
    st.tuples(st.just("capture"), WHICH, AMOUNT),
    st.tuples(st.just("cancel"), WHICH),
    st.tuples(st.just("refund"), WHICH, st.none() | AMOUNT),
    st.tuples(st.just("dispute"), WHICH, st.none() | AMOUNT),
    st.tuples(st.just("rule"), WHICH, st.sampled_from(RULINGS)),
    st.tuples(st.just("settle"), st.sampled_from((None, "succeeded", "failed"))),
    st.tuples(st.just("wait"), st.integers(1, 8)),
)
FIRST = st.tuples(st.just("pay"), st.sampled_from(METHODS), st.integers(5_000, 12_000), st.sampled_from(CAPTURE))


@settings(max_examples=40, deadline=None)
@given(first=FIRST, acts=st.lists(ACTS, max_size=12), releases=st.sampled_from(RECORDS))
async def test_the_balance_is_what_was_captured_less_refunds_disputes_and_fees(
    first: tuple[Any, ...], acts: list[tuple[Any, ...]], releases: str
) -> None:
    async with open_account() as account:
        account.sandbox.set_up(releases=releases)
        for act in [first, *acts]:
            await _do(account, *act)
            _check_limits(account.sandbox.snapshot())
            _check_balance(account.sandbox.snapshot())

        account.sandbox.advance(10 * DAY)

        books = account.sandbox.snapshot()
        _check_limits(books)
        _check_balance(books)
        assert all(charge["balance_transaction"] for charge in books.charges if charge["captured"] and charge["paid"])
        balance = await account.v1.balance.retrieve_async()
        assert balance.available[0].amount + balance.pending[0].amount == _sum(books.balance_transactions, "net")


@settings(max_examples=40, deadline=None)
@given(
    captured=st.integers(50, 5_000),
    method=st.sampled_from(("pm_card_visa", "pm_card_pendingRefund")),
    amounts=st.lists(st.integers(1, 5_000), min_size=1, max_size=8),
)
async def test_a_refund_is_made_if_and_only_if_so_much_is_left(captured: int, method: str, amounts: list[int]) -> None:
    async with open_account() as account:
        held = await account.pay(method, 5_000, capture_method="manual")
        await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": captured})

        left = captured
        for amount in amounts:
            if amount <= left:
                await account.refund(held, amount)
                left -= amount
                continue
            with pytest.raises(stripe.InvalidRequestError) as refused:
                await account.refund(held, amount)
            assert refused.value.code == ("amount_too_large" if left else "charge_already_refunded")

        charge = (await account.again(held)).latest_charge
        assert charge.amount_refunded == captured - left
        assert sum(refund["amount"] for refund in account.sandbox.snapshot().refunds) == captured - left


async def _do(account: StripeAccount, act: str, which: Any = None, amount: Any = None, capture: str = "") -> None:
    """Try one action, on the newest payment but `which`. A refusal is as good: the books decide."""
    with contextlib.suppress(stripe.CardError, stripe.InvalidRequestError):
        match act:
            case "pay":
                await account.pay(which, amount, capture_method=capture)
            case "wait":
                account.sandbox.advance(which * DAY)
            case "settle":
                account.sandbox.settle(outcome=which)
            case "rule":
                for dispute in account.sandbox.snapshot().disputes[which : which + 1]:
                    await account.browser.post(f"/_sandbox/disputes/{dispute['id']}", json={"status": amount})
            case _:
                for intent in account.sandbox.snapshot().payment_intents[which : which + 1]:
                    await _ask(account, act, intent["id"], amount)


async def _ask(account: StripeAccount, act: str, identity: str, amount: int | None) -> None:
    match act:
        case "capture":
            await account.v1.payment_intents.capture_async(identity, {"amount_to_capture": amount})
        case "cancel":
            await account.v1.payment_intents.cancel_async(identity)
        case "refund":
            named = {"amount": amount} if amount else {}
            await account.v1.refunds.create_async({"payment_intent": identity, **named})
        case "dispute":
            named = {"amount": amount} if amount else {}
            await account.browser.post("/_sandbox/disputes", json={"payment_intent": identity, **named})


def _check_limits(books: Books) -> None:
    """Check that no charge exceeds its agreed amount, no refund its charge, and no intent pays twice."""
    for charge in books.charges:
        counted = [r for r in books.refunds if r["charge"] == charge["id"] and r["status"] not in GONE]
        given_back = _sum([refund for refund in counted if not _is_release(refund)], "amount")
        released = _sum([refund for refund in counted if _is_release(refund)], "amount")
        assert 0 <= given_back <= charge["amount_captured"] <= charge["amount"]
        assert charge["amount_refunded"] == released + given_back
        assert released in (0, charge["amount"] - charge["amount_captured"])
        if charge["captured"] and charge["paid"]:
            assert charge["refunded"] is (given_back == charge["amount_captured"])
    for intent in books.payment_intents:
        taken = [c for c in books.charges if c["payment_intent"] == intent["id"] and c["captured"] and c["paid"]]
        assert len(taken) <= 1
        assert intent["amount_received"] == _sum(taken, "amount_captured")
        assert (intent["status"] == "succeeded") is bool(taken)


def _check_balance(books: Books) -> None:
    """Compute every sum again from the objects themselves, whatever the balance transactions say."""
    known = [charge for charge in books.charges if charge["balance_transaction"]]  # others have no fees yet
    taken = _sum(known, "amount_captured")
    refunds = [refund for refund in books.refunds if not _is_release(refund)]
    given_back = _sum([refund for refund in refunds if refund["status"] not in GONE], "amount")
    filed = [dispute for dispute in books.disputes if _was_filed(dispute)]
    withdrawn = _sum([dispute for dispute in filed if dispute["status"] != "won"], "amount")
    fees = sum(_fee(charge["amount_captured"]) for charge in known) + DISPUTE_FEE * len(filed)

    moved = books.balance_transactions
    assert _sum(moved, "amount") == taken - given_back - withdrawn
    assert _sum(moved, "fee") == fees
    assert _sum(moved, "net") == taken - given_back - withdrawn - fees
    for dispute in books.disputes:
        assert len(dispute["balance_transactions"]) == _was_filed(dispute) + (dispute["status"] == "won")


def _is_release(refund: Json) -> bool:
    """Return True for a release; in these tests no refund of money is a reversal."""
    return bool(refund["destination_details"].get("card", {}).get("type") == "reversal")


def _was_filed(dispute: Json) -> bool:
    """Return True for a filed dispute; an inquiry withdraws no money."""
    return dispute["status"] in ("needs_response", "under_review", "won", "lost")


def _fee(amount: int) -> int:
    return (amount * 29 + 500) // 1000 + 30  # 2.9 % and 30 cents, rounded half up


def _sum(things: list[Json], name: str) -> int:
    return sum(thing[name] for thing in things)
