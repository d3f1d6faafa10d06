"""Declines made, stored and shown: the codes are kept, and what they mean is looked up when they are read."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from domain.declines.codes import AUTHENTICATE, DECLINES, GENERIC, HIDDEN, UNLISTED, UNUSABLE, Decline, Next
from domain.declines.texts import text_for_buyer
from domain.errors import CardDeclined, DomainError, ErrorCode, MethodUnusable, ProviderProblem

# What a buyer is shown for a refund that failed for a reason that must be withheld.
UNKNOWN_FAILURE: Final = "unknown"
# Networks' own codes for lost, stolen, to be picked up and suspected of fraud (ISO 8583, field 39).
TELLING_NETWORK_CODES: Final = frozenset({"04", "07", "34", "35", "36", "37", "41", "43", "59", "63", "67"})
WITHHELD: Final = {"stripe_code": None, "stripe_param": None}
# docs.stripe.com/declines/card: what the network advises.
_ADVICE: Final[Mapping[str, Next]] = {
    "do_not_try_again": Next.NEVER,
    "try_again_later": Next.LATER,
    "confirm_card_data": Next.ENTER_AGAIN,
}


def explain_decline(
    *,
    code: str | None = None,
    decline_code: str | None = None,
    advice_code: str | None = None,
    network_decline_code: str | None = None,
) -> CardDeclined:
    """Make a decline with its sentence in English and its advice, both from one row of the table.

    The codes are Stripe's; a code that is not in the table is a plain decline. The network's advice replaces the
    table's, except where the payer has to authenticate or the reason is hidden from the buyer.
    """
    asks = _row(code, None).next is Next.CONFIRM
    row = _row(AUTHENTICATE if asks else decline_code or code, advice_code)
    return CardDeclined(
        decline_code=decline_code or code,
        advice_code=advice_code,
        network_decline_code=network_decline_code,
        message=text_for_buyer(row),
        retry=row.next.retry,
        code=ErrorCode.AUTHENTICATION_REQUIRED if row.next is Next.CONFIRM else ErrorCode.CARD_DECLINED,
    )


def decline_of(error: CardDeclined) -> Decline:
    """Return the reason and the next step of a decline, new or stored, as the table has them today."""
    asks = error.code is ErrorCode.AUTHENTICATION_REQUIRED
    return _row(AUTHENTICATE if asks else error.decline_code, error.advice_code)


def unusable_method_of(error: DomainError) -> Decline:
    """Return the reason and the next step where what was to pay cannot be used, as the table has them today."""
    code = error.stripe_code if isinstance(error, MethodUnusable) else None
    return DECLINES.get(code or UNUSABLE, DECLINES[UNUSABLE])


def for_buyer(error: DomainError) -> DomainError:
    """Return the error as a buyer may read it; the staff read it as it is.

    A decline whose reason must not be revealed (a stolen card, suspected fraud) looks like any other one, in every
    field; Stripe's objections to our request are removed. Every error that a buyer is shown passes through here, stored
    or new.
    """
    match error:
        case CardDeclined() if error.decline_code in HIDDEN or error.network_decline_code in TELLING_NETWORK_CODES:
            return explain_decline(decline_code=GENERIC)
        case ProviderProblem() if error.stripe_code is not None or error.stripe_param is not None:
            record = error.to_record()
            return DomainError.from_record(record | {"details": record["details"] | WITHHELD})
    return error


def searched_codes(codes: Iterable[str]) -> list[str]:
    """Return the decline codes that a buyer's search may match: to a buyer, a hidden one is a generic decline."""
    searched = set(codes) - HIDDEN
    return sorted(searched | HIDDEN if GENERIC in searched else searched)


def _row(code: str | None, advice_code: str | None) -> Decline:
    row = DECLINES.get(code or GENERIC, UNLISTED)
    is_fixed = row.hidden or row.next is Next.CONFIRM
    return row if is_fixed else replace(row, next=_ADVICE.get(advice_code or "", row.next))
