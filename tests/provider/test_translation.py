"""Stripe's objects in our own words, through the real library; an unknown value is UNKNOWN, never a crash."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deadlines import NEVER
from domain.states import CaptureMethod, PaymentStatus, RefundReason, RefundStatus
from provider import Outcome, Provider, ProviderFailure
from provider.mapping import payment_from, refund_from
from tests.provider.stripe_says import SECRET, confirm, intent, provider_hearing, refund, saying

SINCE = datetime(2024, 1, 1, tzinfo=UTC)
PAYMENTS = {
    "requires_payment_method": PaymentStatus.REQUIRES_PAYMENT_METHOD,
    "requires_confirmation": PaymentStatus.REQUIRES_CONFIRMATION,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.REQUIRES_CAPTURE,
    "succeeded": PaymentStatus.SUCCEEDED,
    "canceled": PaymentStatus.CANCELED,
}


@pytest.mark.parametrize("word", [*PAYMENTS, "teleported", "SUCCEEDED", "", None])
async def test_scenario_24_each_status_of_a_payment_has_our_word(word: str | None) -> None:
    payment = await confirm(saying(200, intent(status=word)))

    assert payment.status is PAYMENTS.get(word or "", PaymentStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", RefundStatus.PENDING),
        ("requires_action", RefundStatus.REQUIRES_ACTION),
        ("succeeded", RefundStatus.SUCCEEDED),
        ("failed", RefundStatus.FAILED),
        ("canceled", RefundStatus.CANCELED),
        ("teleported", RefundStatus.UNKNOWN),
        (None, RefundStatus.UNKNOWN),
    ],
)
async def test_scenario_24_each_status_of_a_refund_has_our_word(word: str | None, status: RefundStatus) -> None:
    provider = provider_hearing(saying(200, refund(status=word, reason="expired_uncaptured_charge")))

    heard = await provider.create_refund({"payment_intent": "pi_1"}, key="k", until=NEVER)
    await provider.close()

    assert (heard.status, heard.reason) == (status, RefundReason.OTHER)
    assert (heard.id, heard.amount_minor, heard.currency, heard.payment_intent_id) == ("re_1", 500, "USD", "pi_1")


@given(st.text(max_size=30))
def test_no_word_for_a_status_makes_it_raise(word: str) -> None:
    assert payment_from(intent(status=word)).status in PaymentStatus
    assert refund_from(refund(status=word)).status in RefundStatus


async def test_a_payment_is_heard_in_full_and_its_secret_is_not_shown() -> None:
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "fingerprint": "Xt5", "wallet": None}
    charge = {
        "id": "ch_1",
        "disputed": True,
        "billing_details": {"email": "ada@example.com"},
        "payment_method_details": {"type": "card", "card": card},
    }
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example/3ds"}}

    payment = await confirm(
        saying(
            200,
            intent(
                status="requires_capture",
                amount_capturable=1_099,
                capture_method="manual",
                latest_charge=charge,
                next_action=action,
            ),
        )
    )

    assert (payment.id, payment.currency, payment.amount_minor, payment.capturable_minor) == (
        "pi_1",
        "USD",
        1_099,
        1_099,
    )
    assert (payment.captured_minor, payment.capture_method) == (0, CaptureMethod.MANUAL)
    assert (payment.charge_id, payment.disputed, payment.request_id) == ("ch_1", True, "req_1")
    assert payment.created_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert payment.metadata == {"order": "1001"}
    assert payment.next_action is not None
    assert payment.next_action.redirect_url == "https://bank.example/3ds"
    assert payment.method is not None
    assert payment.method["last4"] == "4242"
    assert "fingerprint" not in payment.method
    assert payment.client_secret == SECRET
    assert SECRET not in repr(payment)
    assert "ada@example.com" not in repr(payment)


def pages(*answers: dict[str, Any]) -> tuple[Provider, list[httpx.Request]]:
    """Make a provider whose Stripe returns one page after another, the last one for ever."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return saying(200, answers[min(len(asked), len(answers)) - 1])(request)

    return provider_hearing(answer), asked


def page(*items: object, more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": more, "url": "/v1/refunds"}


async def test_every_page_of_a_list_is_read() -> None:
    provider, asked = pages(page(refund(id="re_2"), more=True), page(refund(id="re_1")))

    found = await provider.list_refunds("pi_1")
    await provider.close()

    assert [one.id for one in found] == ["re_2", "re_1"]
    assert [request.url.params.get("starting_after") for request in asked] == [None, "re_2"]


async def test_a_list_without_an_end_cannot_say_that_there_is_nothing() -> None:
    provider, asked = pages(page(intent(), more=True))

    with pytest.raises(ProviderFailure) as raised:
        await provider.find_payment(metadata={"order": "elsewhere"}, created_since=SINCE)
    await provider.close()

    assert raised.value.outcome is Outcome.UNKNOWN
    assert len(asked) == 20


async def test_a_payment_is_found_by_all_of_its_metadata() -> None:
    other, ours = intent(id="pi_2", metadata={"order": "1002"}), intent(metadata={"order": "1001", "try": "1"})
    provider, asked = pages(page(other, ours), ours)

    found = await provider.find_payment(metadata={"order": "1001", "try": "1"}, created_since=SINCE)
    nothing = await pages(page(other))[0].find_payment(metadata={"order": "1001"}, created_since=SINCE)
    await provider.close()

    assert found is not None
    assert found.id == "pi_1"
    assert asked[0].url.params["created[gte]"] == str(int(SINCE.timestamp()))
    assert nothing is None


BROKEN_PAGES: list[dict[str, Any]] = [
    {},
    {"object": "list", "data": None},
    {"object": "list", "data": {"id": "x"}},
    page(1),
    page({}),
    page({"object": "refund", "id": "x", "metadata": []}),
]


@pytest.fixture(params=BROKEN_PAGES, ids=range(len(BROKEN_PAGES)))
async def broken(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    provider, _ = pages(request.param)
    yield provider
    await provider.close()


@pytest.mark.parametrize("call", ["refunds", "disputes"])
async def test_a_broken_list_is_a_failure_of_the_provider(broken: Provider, call: str) -> None:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "refunds": lambda: broken.list_refunds("pi_1"),
        "disputes": lambda: broken.list_disputes("pi_1"),
    }

    with pytest.raises(ProviderFailure) as raised:
        await calls[call]()

    assert raised.value.outcome is Outcome.UNKNOWN


async def test_an_event_that_cannot_be_read_does_not_hide_the_others() -> None:
    def event(id: str, **more: Any) -> dict[str, Any]:
        return {
            "id": id,
            "object": "event",
            "type": "payment_intent.succeeded",
            "livemode": False,
            "created": int(SINCE.timestamp()),
            "data": {"object": intent()},
            **more,
        }

    provider, _ = pages(page(event("evt_2"), event("evt_broken", data=None), event("evt_1")))

    events = [one async for one in provider.events(["payment_intent.succeeded"], created_since=SINCE)]
    await provider.close()

    assert [one.id for one in events] == ["evt_2", "evt_1"]
    assert "client_secret" not in events[0].object


async def test_nothing_leaves_while_the_guard_forbids_it() -> None:
    sent: list[httpx.Request] = []

    def guard() -> None:
        raise AssertionError("a transaction is open")

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=intent())

    provider = Provider(
        secret_key="sk_test_1", livemode=False, transport=httpx.MockTransport(answer), before_request=guard
    )

    with pytest.raises(AssertionError, match="transaction"):
        await provider.retrieve_payment("pi_1")
    await provider.close()

    assert sent == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("abandoned", "ABANDONED"),
        ("automatic", "AUTOMATIC"),
        ("expired", "EXPIRED"),
        ("void_invoice", "OTHER"),
        ("tomorrow", "OTHER"),
        ({"a": 1}, "OTHER"),
        (None, None),
    ],
)
async def test_each_reason_of_a_cancellation_has_our_word(word: object, reason: str | None) -> None:
    payment = await confirm(saying(200, intent(status="canceled", canceled_at=1_700_000_100, cancellation_reason=word)))

    assert payment.cancel_reason == reason
    assert payment.canceled_at == datetime.fromtimestamp(1_700_000_100, UTC)


CHARGE: dict[str, Any] = {"id": "ch_1", "created": 1_700_000_050, "payment_method_details": {"type": "card"}}
BOOKED = {"id": "txn_1", "created": 1_700_000_060}


@pytest.mark.parametrize(
    ("changes", "of_charge", "seconds"),
    [
        ({}, {"balance_transaction": "txn_1"}, 50),
        ({}, {"balance_transaction": BOOKED}, 60),
        ({"capture_method": "manual"}, {"balance_transaction": BOOKED}, 60),
        ({"capture_method": "manual"}, {"balance_transaction": None}, None),  # the card was held at that moment
        ({}, {"payment_method_details": {"type": "sepa_debit"}}, None),  # begun then, taken days later
        ({"amount_received": 0}, {"balance_transaction": BOOKED}, None),
        ({}, {"created": "yesterday"}, None),
        ({}, {"balance_transaction": {"created": 10**20}}, None),
    ],
)
async def test_money_was_taken_when_stripe_booked_it(
    changes: dict[str, Any], of_charge: dict[str, Any], seconds: int | None
) -> None:
    taken = {"status": "succeeded", "amount_received": 1_099, "latest_charge": CHARGE | of_charge, **changes}

    payment = await confirm(saying(200, intent(**taken)))

    expected = datetime.fromtimestamp(1_700_000_000 + seconds, UTC) if seconds is not None else None
    assert payment.captured_at == expected


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://pay.stripe.com/receipts/payment/CAcaFwoV?s=ap", True),
        ("http://stripe.test/receipt", True),  # in test mode
        ("javascript:alert(1)", False),
        ("https://user:password@pay.stripe.com/", False),
        (f"https://pay.stripe.com/{SECRET}", False),
        (f"https://pay.stripe.com/{'a' * 2_048}", False),
        (7, False),
        (None, False),
    ],
)
async def test_only_an_address_for_a_browser_is_a_receipt(url: object, is_kept: bool) -> None:
    payment = await confirm(saying(200, intent(latest_charge={"id": "ch_1", "receipt_url": url})))

    assert payment.receipt_url == (url if is_kept else None)


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("RUNCLUB* 9-22-19 10K", True),
        ("4242 4242 4242 4242", False),
        ("ada@shop.example", False),
        ("LONGER THAN A STATEMENT", False),
        ("CAF\u00c9", False),
        ("TWO\nLINES", False),
        ("", False),
        ({"a": 1}, False),
    ],
)
async def test_only_a_line_of_a_statement_is_one(text: object, is_kept: bool) -> None:
    payment = await confirm(saying(200, intent(latest_charge={"id": "ch_1", "calculated_statement_descriptor": text})))

    assert payment.statement_descriptor == (text if is_kept else None)
