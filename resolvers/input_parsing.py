"""What clients give, checked and brought into one spelling, so that the same meaning has the same fingerprint."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.caller import Caller
from domain.currencies import CURRENCIES
from domain.errors import ErrorCode, Path, Refused
from domain.idempotency import check_key, fingerprint
from domain.money import MAX_MINOR, Money
from domain.states import OperationKind
from domain.text import check_metadata, check_payment_method_id, check_return_url
from resolvers.context import RequestContext
from services.money.idempotency import IdempotentRequest


@dataclass(frozen=True, slots=True)
class RawMoney:
    """An amount as it came in: not yet money, because nobody knows whether its currency exists."""

    amount_minor: int
    currency: str


def idempotent_request(
    context: RequestContext, caller: Caller, kind: OperationKind, key: str, input: Mapping[str, Any]
) -> IdempotentRequest:
    """The claim on an idempotency key for this validated and normalised input."""
    return IdempotentRequest(
        caller=caller,
        kind=kind,
        key=check_key(key),
        fingerprint=fingerprint(input),
        request_id=context.request_id,
    )


def money(given: RawMoney, *, path: Path) -> Money:
    """The money that was given. Raises Refused for a currency that does not exist or an amount beyond exactness."""
    currency = given.currency.upper()
    if currency not in CURRENCIES:
        raise Refused(ErrorCode.CURRENCY_NOT_ENABLED, "Stripe knows no such currency.", (*path, "currency"))
    if abs(given.amount_minor) > MAX_MINOR:
        raise Refused(ErrorCode.AMOUNT_TOO_LARGE, "The amount must be below 2^53.", (*path, "amount"))
    return Money(given.amount_minor, currency)


def money_record(value: Money | None) -> dict[str, Any] | None:
    """Money as a fingerprint sees it; None stays None, because "all that is left" is what was asked for."""
    return {"amount": value.amount_minor, "currency": value.currency} if value is not None else None


def metadata(given: Mapping[str, str] | None, *, path: Path) -> dict[str, str]:
    return check_metadata(given or {}, path=path)


def payment_method_id(given: str | None, *, path: Path) -> str | None:
    return check_payment_method_id(given, path=path) if given is not None else None


def return_url(context: RequestContext, given: str | None, *, path: Path) -> str | None:
    return check_return_url(given, path=path, app_schemes=context.app_schemes) if given is not None else None
