"""Payment methods as a receipt shows them: never a number."""

from collections.abc import Mapping
from typing import Any, Final

import strawberry

from schema.directives import PART_OF_A_ROW


@strawberry.interface(description="The payment method as it was when it was used.", directives=PART_OF_A_ROW)
class PaymentMethodSnapshot:
    """The fields of all methods."""

    type: str = strawberry.field(description="Stripe's word for the method: card, ideal, sepa_debit, …")


@strawberry.type(description="A card, as a receipt shows it.", directives=PART_OF_A_ROW)
class CardSnapshot(PaymentMethodSnapshot):
    """No number and no fingerprint."""

    brand: str = strawberry.field(description="The card's brand, such as visa.")
    last4: str = strawberry.field(description="The last four digits.")
    exp_month: int = strawberry.field(description="The month in which it expires, 1 to 12.")
    exp_year: int = strawberry.field(description="The year in which it expires, four digits.")
    funding: str | None = strawberry.field(description="credit, debit, prepaid or unknown.")
    country: str | None = strawberry.field(description="Where the card was issued, ISO 3166-1 alpha-2.")
    wallet: str | None = strawberry.field(description="The wallet it came from, such as apple_pay.")


@strawberry.type(description="A bank account, as a receipt shows it.", directives=PART_OF_A_ROW)
class BankAccountSnapshot(PaymentMethodSnapshot):
    """No number."""

    bank: str | None = strawberry.field(description="The bank's name, where Stripe tells it.")
    last4: str = strawberry.field(description="The last four digits of the account's number.")


@strawberry.type(description="A payment method that is neither a card nor a bank account.", directives=PART_OF_A_ROW)
class OtherMethodSnapshot(PaymentMethodSnapshot):
    """Only its name."""

    label: str | None = strawberry.field(description="A name for people.")


SNAPSHOTS: Final = (CardSnapshot, BankAccountSnapshot, OtherMethodSnapshot)


def snapshot(stored: Mapping[str, Any]) -> PaymentMethodSnapshot:
    """The stored snapshot as its type."""
    if "last4" in stored and stored["type"] != "card":
        return BankAccountSnapshot(type=stored["type"], bank=stored.get("bank"), last4=stored["last4"])
    if stored["type"] != "card":
        return OtherMethodSnapshot(type=stored["type"], label=stored.get("label"))
    return CardSnapshot(
        type="card",
        brand=stored["brand"],
        last4=stored["last4"],
        exp_month=stored["exp_month"],
        exp_year=stored["exp_year"],
        funding=stored.get("funding"),
        country=stored.get("country"),
        wallet=stored.get("wallet"),
    )
