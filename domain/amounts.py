"""Rules on amounts that may be charged or refunded: the server's own check, before Stripe is asked."""

from domain.errors import ErrorCode, Path, Refused
from domain.money import Money


def check_chargeable(money: Money, *, enabled: frozenset[str], path: Path) -> None:
    """Refuse an amount that Stripe would not charge, or whose currency this installation does not accept.

    Raises Refused with CURRENCY_NOT_ENABLED, AMOUNT_TOO_SMALL, AMOUNT_TOO_LARGE, or VALIDATION_FAILED for an amount
    that is no multiple of the currency's step (whole krónur, tens of fils).
    """
    currency = money.definition
    if money.currency not in enabled:
        raise Refused(ErrorCode.CURRENCY_NOT_ENABLED, f"{money.currency} is not taken here.", (*path, "currency"))
    check_positive(money, path=path)
    if currency.min_minor is not None and money.amount_minor < currency.min_minor:
        least = Money(currency.min_minor, money.currency)
        raise Refused(
            ErrorCode.AMOUNT_TOO_SMALL,
            f"The least that can be charged is {least.decimal} {money.currency}.",
            (*path, "amount"),
        )
    if money.amount_minor > currency.max_minor:
        most = Money(currency.max_minor, money.currency)
        raise Refused(
            ErrorCode.AMOUNT_TOO_LARGE,
            f"The most that can be charged is {most.decimal} {money.currency}.",
            (*path, "amount"),
        )


def check_positive(money: Money, *, path: Path) -> None:
    """Refuse an amount of zero or less, and one that is no multiple of the currency's step. No minimum: for refunds."""
    step = money.definition.step
    if money.amount_minor <= 0:
        raise Refused(ErrorCode.VALIDATION_FAILED, "The amount must be above zero.", (*path, "amount"))
    if money.amount_minor % step:
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            f"Amounts in {money.currency} are multiples of {step} minor units.",
            (*path, "amount"),
        )
