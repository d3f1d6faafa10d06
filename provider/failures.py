"""Failures of calls to Stripe, classified by their effect: did it happen, or not, or does nobody know?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import stripe

from domain.errors import CardDeclined
from domain.states import ProviderEffect
from provider.mapping import decline_from, payment_if_readable
from provider.objects import ProviderPayment
from provider.words import word


class Outcome(StrEnum):
    """The meaning of a failed call for money."""

    DECLINED = "DECLINED"  # 402: the bank declined, or requires the payer to authenticate
    REJECTED = "REJECTED"  # a definite 4xx: it did not happen, and will not
    UNKNOWN = "UNKNOWN"  # nobody knows: timeout, reset, 5xx, 409, lock timeout, unreadable answer
    THROTTLED = "THROTTLED"  # 429: not executed, try later
    UNREACHABLE = "UNREACHABLE"  # no connection was made: nothing was sent
    MISCONFIGURED = "MISCONFIGURED"  # 401, 403: our key or our account


LIST_TOO_LONG = "list_too_long"
UNREADABLE_ANSWER = "unreadable_answer"
OTHER_PARAMETERS = "idempotency_error"  # Stripe knows our key from a request with other parameters
TOO_LATE = "lease_over"  # our own code: not sent, because the lease of the request had ended
LONGEST_RETRY_AFTER_SECONDS = 3600.0  # a longer Retry-After of Stripe's is cut to an hour
NOT_EXECUTED = frozenset({Outcome.THROTTLED, Outcome.UNREACHABLE, Outcome.MISCONFIGURED})
DEFINITE = frozenset({Outcome.DECLINED, Outcome.REJECTED})


@dataclass(slots=True, eq=False)  # not frozen: Python writes the traceback into an exception that passes through
class ProviderFailure(Exception):
    """A call to Stripe without an answer that we can use.

    Carries no response body: bodies hold client secrets. `code` and `param` are Stripe's own words, safe to log;
    `payment` is the intent that came with the error, if any. `retry_after_seconds` is the wait that Stripe, or our own
    limits, ask for. `is_replayed` says that Stripe repeated an earlier answer to this key.
    """

    outcome: Outcome
    http_status: int | None = None
    code: str | None = None
    param: str | None = None
    request_id: str | None = None
    decline: CardDeclined | None = None
    payment: ProviderPayment | None = field(default=None, repr=False)
    retry_after_seconds: float | None = None
    is_replayed: bool = False

    def __str__(self) -> str:
        return f"Stripe: {self.outcome.value} (status {self.http_status}, code {self.code}, param {self.param})"

    @property
    def effect(self) -> ProviderEffect:
        return ProviderEffect.UNKNOWN if self.outcome is Outcome.UNKNOWN else ProviderEffect.NONE

    @property
    def is_no_answer(self) -> bool:
        """True for signs of an outage: no connection, no answer, a new 5xx, or too many requests."""
        if self.outcome in (Outcome.UNREACHABLE, Outcome.THROTTLED):
            return self.code != TOO_LATE
        return self.outcome is Outcome.UNKNOWN and (
            self.http_status is None or (self.is_server_error and not self.is_replayed)
        )

    @property
    def is_undecided(self) -> bool:
        """True if the question is still open: the call was not executed, or nobody answered. It may be repeated later.

        A refusal, an unreadable answer and a list that is too long are answers.
        """
        is_answer = self.http_status == 200 or self.code in (LIST_TOO_LONG, UNREADABLE_ANSWER)
        return self.outcome in NOT_EXECUTED or (self.outcome is Outcome.UNKNOWN and not is_answer)

    @property
    def is_missing_payment(self) -> bool:
        """True if Stripe does not know the payment that the call was about."""
        is_definite = self.outcome is Outcome.REJECTED and self.code == MISSING
        return is_definite and self.param in THE_PAYMENT

    @property
    def is_server_error(self) -> bool:
        """True for a 5xx, which Stripe may keep replaying under this idempotency key."""
        return self.http_status is not None and self.http_status >= 500


# Stripe's codes of requests that cannot succeed from here: the key, the account or the mode is not ours.
OF_OUR_CONFIGURATION = frozenset(
    {
        "account_invalid",
        "api_key_expired",
        "livemode_mismatch",
        "platform_account_required",
        "platform_api_key_expired",
        "secret_key_required",
        "testmode_charges_only",
        "tls_version_unsupported",
    }
)
MISSING = "resource_missing"
# Part of Stripe's message when a key of one mode asks for an object of the other.
IN_THE_OTHER_MODE = "a similar object exists in"
THE_PAYMENT = frozenset({None, "id", "intent", "payment_intent"})  # Stripe's names of the payment that it does not find


class NothingSent(stripe.APIConnectionError):
    """The connection could not be opened, so no byte of the request was sent."""


class SentTooLate(NothingSent):
    """The deadline was over when the request was ready, so no byte of it was sent."""


def classify(error: stripe.StripeError) -> ProviderFailure:
    """Classify an error of Stripe's library by its meaning for money; when in doubt, UNKNOWN."""
    status = error.http_status
    if isinstance(error, SentTooLate):
        return ProviderFailure(Outcome.UNREACHABLE, code=TOO_LATE)
    if isinstance(error, NothingSent):
        return ProviderFailure(Outcome.UNREACHABLE)
    body = error.json_body if isinstance(error.json_body, dict) else {}
    detail = body.get("error")
    if not isinstance(detail, dict):
        detail = {}
    code, param = word(detail.get("code")), word(detail.get("param"))
    decline: CardDeclined | None = None
    match status:
        case 402 if detail:
            outcome, decline = Outcome.DECLINED, decline_from(detail)
        case 401 | 403:
            outcome = Outcome.MISCONFIGURED
        case 400 | 404 if code in OF_OUR_CONFIGURATION or IN_THE_OTHER_MODE in str(detail.get("message")):
            outcome = Outcome.MISCONFIGURED
        case 429:
            outcome = Outcome.UNKNOWN if code == "lock_timeout" else Outcome.THROTTLED
        case 400 if code == "rate_limit":
            outcome = Outcome.THROTTLED
        case 400 if detail.get("type") == "idempotency_error":
            outcome = Outcome.UNKNOWN  # an earlier request had this key: its effect is not known from this answer
            code = code or OTHER_PARAMETERS
        case 400 | 404 | 405 | 410 | 413 | 415 | 422:
            outcome = Outcome.REJECTED if detail else Outcome.UNKNOWN
        case _:  # no answer, 409, 5xx, an unreadable 200, or something Stripe invents tomorrow
            outcome = Outcome.UNKNOWN
    return ProviderFailure(
        outcome=outcome,
        http_status=status,
        code=code,
        param=param,
        request_id=word(error.request_id),
        decline=decline,
        payment=_payment(detail.get("payment_intent")),
        retry_after_seconds=_retry_after(error.headers),
        is_replayed=repeats_answer(error.headers),
    )


def repeats_answer(headers: Mapping[str, str] | None) -> bool:
    """Return True if Stripe repeated an earlier answer to this key instead of executing the request."""
    return str((headers or {}).get("idempotent-replayed", "")).lower() == "true"


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Return the seconds in a Retry-After header, if it is a number, up to an hour."""
    text = str((headers or {}).get("retry-after", ""))
    return min(float(text), LONGEST_RETRY_AFTER_SECONDS) if text.isascii() and text.isdigit() else None


def _payment(intent: object) -> ProviderPayment | None:
    """Return the intent that came with an error, or None if it cannot be read: the error stands without it."""
    if not isinstance(intent, dict) or intent.get("object") != "payment_intent":
        return None
    return payment_if_readable(intent)
