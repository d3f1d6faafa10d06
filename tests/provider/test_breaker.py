"""The circuit breaker: five calls without an answer open it, one that is answered closes it."""

from collections.abc import Callable

import httpx
import pytest

from provider import Outcome, Provider, ProviderFailure
from provider.connection.breaker import FIRST_OPEN_SECONDS, LONGEST_OPEN_SECONDS, OPEN_AFTER, Breaker
from tests.provider.stripe_says import error, intent, provider_hearing, saying


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """Make an open breaker."""
    opened = Breaker(clock=clock)
    for _ in range(OPEN_AFTER):
        opened.enter()
        opened.not_answered()
    return opened


def test_it_stays_closed_while_some_calls_are_answered() -> None:
    breaker = Breaker()
    for _ in range(OPEN_AFTER):
        for _ in range(OPEN_AFTER - 1):
            breaker.not_answered()
        breaker.answered()

    breaker.enter()

    assert not breaker.is_open


def test_an_open_one_refuses_and_says_how_long(breaker: Breaker) -> None:
    with pytest.raises(ProviderFailure) as caught:
        breaker.enter()

    assert caught.value.outcome is Outcome.UNREACHABLE
    assert caught.value.retry_after_seconds == FIRST_OPEN_SECONDS


def test_after_its_rest_one_call_tries_and_the_others_wait(breaker: Breaker, clock: Clock) -> None:
    clock.now += FIRST_OPEN_SECONDS
    breaker.enter()

    with pytest.raises(ProviderFailure):
        breaker.enter()

    breaker.answered()
    breaker.enter()
    breaker.enter()
    assert not breaker.is_open


def test_each_try_in_vain_doubles_the_rest_up_to_half_a_minute(breaker: Breaker, clock: Clock) -> None:
    rests = []
    for _ in range(8):
        clock.now += breaker.open_seconds
        breaker.enter()
        breaker.not_answered()
        rests.append(breaker.open_seconds)

    assert rests == [2, 4, 8, 16, 30, 30, 30, 30]
    assert rests[-1] == LONGEST_OPEN_SECONDS


def test_calls_that_had_left_before_it_opened_do_not_prolong_the_rest(breaker: Breaker) -> None:
    breaker.not_answered()

    assert breaker.open_seconds == FIRST_OPEN_SECONDS


def test_a_try_that_was_given_up_lets_another_one_try(breaker: Breaker, clock: Clock) -> None:
    clock.now += FIRST_OPEN_SECONDS
    breaker.enter()

    breaker.abandoned()

    breaker.enter()
    assert breaker.is_open


NO_ANSWER = [
    saying(500, error("api_error")),
    saying(503, b"down"),
    saying(429, error(code="rate_limit")),
]
AN_ANSWER = [
    saying(200, intent()),
    saying(402, error("card_error", code="card_declined")),
    saying(404, error(code="resource_missing")),
    saying(401, error()),
    saying(409, error("idempotency_error")),
    saying(429, error(code="lock_timeout")),
    saying(500, error("api_error"), **{"Idempotent-Replayed": "true"}),
]


def _refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def _hangs(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("hangs")


@pytest.mark.parametrize("answer", [*NO_ANSWER, _refuses, _hangs])
async def test_calls_without_an_answer_open_it_and_then_nothing_is_sent(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    sent = await _sent(answer, calls=OPEN_AFTER + 3)

    assert sent == OPEN_AFTER


@pytest.mark.parametrize("answer", AN_ANSWER)
async def test_answers_of_any_kind_leave_it_closed(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    sent = await _sent(answer, calls=OPEN_AFTER + 3)

    assert sent == OPEN_AFTER + 3


async def _sent(answer: Callable[[httpx.Request], httpx.Response], *, calls: int) -> int:
    """Count the calls that reach a Stripe that answers so."""
    sent = 0

    def counting(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        sent += 1
        return answer(request)

    provider: Provider = provider_hearing(counting)
    for _ in range(calls):
        try:
            await provider.retrieve_payment("pi_1")
        except ProviderFailure:
            continue
    await provider.close()
    return sent
