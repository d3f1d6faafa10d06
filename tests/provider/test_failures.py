"""Each failure of Stripe, through the real library: its effect, and no leaked text."""

import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from domain.errors import ErrorCode
from domain.states import PaymentStatus, ProviderEffect, RetryAdvice
from provider import Outcome, ProviderFailure
from tests.provider.stripe_says import KEY, SECRET, WORDS, confirm, error, failure_of, intent, saying

DECLINE = error(
    "card_error",
    code="card_declined",
    decline_code="insufficient_funds",
    advice_code="try_again_later",
    network_decline_code="51",
    payment_intent=intent(),
)
NONE, UNKNOWN = ProviderEffect.NONE, ProviderEffect.UNKNOWN


def raising(kind: type[httpx.TransportError]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind(WORDS, request=request)

    return answer


@pytest.mark.parametrize(
    ("status", "body", "outcome", "effect"),
    [
        (402, DECLINE, Outcome.DECLINED, NONE),
        (400, error(code="parameter_missing", param="amount"), Outcome.REJECTED, NONE),
        (404, error(code="resource_missing"), Outcome.REJECTED, NONE),
        (401, error(), Outcome.MISCONFIGURED, NONE),
        (401, b"", Outcome.MISCONFIGURED, NONE),
        (403, error(), Outcome.MISCONFIGURED, NONE),
        (409, error("idempotency_error", code="idempotency_key_in_use"), Outcome.UNKNOWN, UNKNOWN),
        (429, error(code="rate_limit"), Outcome.THROTTLED, NONE),
        (429, b"slow down", Outcome.THROTTLED, NONE),
        (400, error(code="rate_limit"), Outcome.THROTTLED, NONE),
        (429, error(code="lock_timeout"), Outcome.UNKNOWN, UNKNOWN),
        (500, error("api_error"), Outcome.UNKNOWN, UNKNOWN),
        (503, b"<html>", Outcome.UNKNOWN, UNKNOWN),
        (424, error("api_error"), Outcome.UNKNOWN, UNKNOWN),
        (418, error(), Outcome.UNKNOWN, UNKNOWN),
        (302, b"", Outcome.UNKNOWN, UNKNOWN),
        (400, b"<html>", Outcome.UNKNOWN, UNKNOWN),  # a proxy's answer, not Stripe's
        (402, b"<html>", Outcome.UNKNOWN, UNKNOWN),
        (404, {"detail": "no such route"}, Outcome.UNKNOWN, UNKNOWN),
        # The key was used with other parameters: this answer does not tell the effect of that earlier request.
        (400, error("idempotency_error"), Outcome.UNKNOWN, UNKNOWN),
    ],
)
async def test_what_each_answer_means_for_money(
    status: int, body: object, outcome: Outcome, effect: ProviderEffect
) -> None:
    failure = await failure_of(saying(status, body))

    assert (failure.outcome, failure.effect) == (outcome, effect)
    assert failure.http_status == status
    assert failure.is_server_error == (status >= 500)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_no_connection_means_that_nothing_was_sent(kind: type[httpx.TransportError]) -> None:
    failure = await failure_of(raising(kind))

    assert (failure.outcome, failure.effect, failure.http_status) == (Outcome.UNREACHABLE, NONE, None)


@pytest.mark.parametrize(
    "kind",
    [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError],
)
async def test_scenario_10_once_a_byte_was_sent_nobody_knows(kind: type[httpx.TransportError]) -> None:
    failure = await failure_of(raising(kind))

    assert (failure.outcome, failure.effect, failure.http_status) == (Outcome.UNKNOWN, UNKNOWN, None)


BROKEN = [
    b"",
    b"<html>",
    b"\xff\xfe",
    b"{",
    b"[]",
    b"null",
    b'"pi_1"',
    b"1",
    b"{}",
    b"[" * 100_000,
    b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    intent(id=None) | {"status": ["succeeded"]},
    {"object": "payment_intent"},
    intent(amount="a lot"),
    intent(created=10**17),
    intent(created=10**30),
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
async def test_a_broken_success_says_nothing_about_money(body: object) -> None:
    failure = await failure_of(saying(200, body))

    assert (failure.outcome, failure.effect) == (Outcome.UNKNOWN, UNKNOWN)


ODD_ERRORS = [
    *BROKEN,
    {"error": None},
    {"error": []},
    {"error": "invalid_grant"},
    {"error": {}},
    {"error": {"type": 1, "code": {}, "decline_code": ["x"], "advice_code": {}, "param": 7, "message": None}},
    {"error": {"type": "card_error", "payment_intent": {"object": "payment_intent"}}},
    {"error": {"type": "card_error", "payment_intent": intent(created=10**17)}},
    {"error": {"type": "card_error", "payment_intent": "pi_1"}},
]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("body", ODD_ERRORS, ids=range(len(ODD_ERRORS)))
async def test_no_odd_error_breaks_the_fence(status: int, body: object) -> None:
    failure = await failure_of(saying(status, body))

    assert failure.http_status == status
    assert failure.payment is None
    if status in (409, 500, 503):
        assert failure.outcome is Outcome.UNKNOWN


async def test_scenario_38_a_decline_brings_its_codes_and_the_intent() -> None:
    failure = await failure_of(saying(402, DECLINE))

    assert failure.decline is not None
    assert failure.decline.code is ErrorCode.CARD_DECLINED
    assert failure.decline.decline_code == "insufficient_funds"
    assert failure.decline.network_decline_code == "51"
    assert failure.decline.retry is RetryAdvice.RETRY_SAME_METHOD_LATER
    assert failure.payment is not None
    assert failure.payment.id == "pi_1"
    assert failure.payment.status is PaymentStatus.REQUIRES_PAYMENT_METHOD
    assert (failure.code, failure.request_id) == ("card_declined", "req_1")


@pytest.mark.parametrize(
    ("details", "code", "retry"),
    [
        ({"code": "authentication_required"}, "AUTHENTICATION_REQUIRED", "REAUTHENTICATE_ON_SESSION"),
        ({"code": "card_declined", "decline_code": "authentication_required"}, "AUTHENTICATION_REQUIRED", None),
        ({"code": "card_declined", "decline_code": "stolen_card"}, "CARD_DECLINED", "DO_NOT_RETRY"),
        ({"code": "card_declined", "advice_code": "do_not_try_again"}, "CARD_DECLINED", "DO_NOT_RETRY"),
        ({"code": "processing_error"}, "CARD_DECLINED", "RETRY_SAME_METHOD_LATER"),
        ({"code": "card_declined", "decline_code": "invented_tomorrow"}, "CARD_DECLINED", "USE_ANOTHER_METHOD"),
        ({}, "CARD_DECLINED", "USE_ANOTHER_METHOD"),
    ],
)
async def test_scenario_39_what_the_buyer_may_do_about_a_decline(
    details: dict[str, str], code: str, retry: str | None
) -> None:
    failure = await failure_of(saying(402, error("card_error", **details)))

    assert failure.decline is not None
    assert failure.decline.code == code
    assert failure.decline.retry == (retry or "REAUTHENTICATE_ON_SESSION")
    assert WORDS not in failure.decline.message


@pytest.mark.parametrize(
    "answer",
    [
        saying(402, DECLINE),
        saying(400, error(code="parameter_invalid", param="amount", payment_intent=intent())),
        saying(401, error(code=None)),
        saying(500, error("api_error")),
        saying(200, f'{{"client_secret":"{SECRET}","message":"{WORDS}"'.encode()),
        saying(200, {"client_secret": SECRET, "message": WORDS}),
        saying(502, f"{WORDS} {SECRET}".encode()),
        raising(httpx.ReadTimeout),
        raising(httpx.ConnectError),
    ],
)
async def test_nothing_that_stripe_said_is_in_any_trace(
    answer: Callable[[httpx.Request], httpx.Response], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    failure = await failure_of(answer)

    told = "\n".join([str(failure), repr(failure), *traceback.format_exception(failure), caplog.text])
    assert failure.__cause__ is None
    assert failure.__context__ is None
    for secret in (SECRET, WORDS, KEY):
        assert secret not in told


async def test_a_failure_passes_through_a_context_manager_unchanged() -> None:
    @contextlib.asynccontextmanager
    async def around() -> AsyncIterator[None]:
        yield

    with pytest.raises(ProviderFailure) as raised:
        async with around():
            await confirm(saying(500, error("api_error")))
    raised.value.add_note("while settling")

    assert raised.value.outcome is Outcome.UNKNOWN
    assert raised.value in {raised.value}


async def test_the_library_sends_each_request_once() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(500, json=error("api_error"), headers={"stripe-should-retry": "true"})

    await failure_of(answer)

    assert len(seen) == 1
    assert seen[0].headers["idempotency-key"] == "k"
