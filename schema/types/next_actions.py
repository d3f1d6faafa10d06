"""The payer's next step, and what they need for it: shown to the payer, and stored nowhere where only they may know."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry

from resolvers.confirmation import Confirmation
from schema.directives import PART_OF_A_ROW
from schema.fields import field
from schema.types.money import Money


@strawberry.type(description="A code that is paid at one chain of shops.", directives=PART_OF_A_ROW)
class VoucherStore:
    """One of several, of a konbini voucher."""

    chain: str = strawberry.field(description="Stripe's word for the chain, such as familymart.")
    payment_code: str | None = strawberry.field(description="What the payer tells the shop or its machine.")
    confirmation_number: str | None = strawberry.field(description="What the payer is asked for besides.")


@strawberry.type(description="A voucher, which is paid at a shop, a bank or a machine.", directives=PART_OF_A_ROW)
class Voucher:
    """Boleto, OXXO, Multibanco, konbini."""

    number: str | None = strawberry.field(description="Its number, of a boleto or an OXXO voucher.")
    entity: str | None = strawberry.field(description="Whom the payer names at the machine, for Multibanco.")
    reference: str | None = strawberry.field(description="What the payer names beside the entity.")
    pdf_url: str | None = strawberry.field(description="The voucher to print, where Stripe has one.")
    stores: list[VoucherStore] = strawberry.field(description="The chains that take it, each with its code.")

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Voucher":
        """Show what Stripe has just said."""
        return cls(**{**found, "stores": [VoucherStore(**store) for store in found["stores"]]})


@strawberry.type(description="A code to scan or to copy into a banking app, such as Pix.", directives=PART_OF_A_ROW)
class PaymentCode:
    """Pix, PromptPay, PayNow, WeChat Pay, Swish, Cash App."""

    data: str | None = strawberry.field(description="What the code says: the text to copy, or to draw as a QR code.")
    image_url: str | None = strawberry.field(description="The picture of the code.")


@strawberry.type(description="A bank account to pay to; its type says which parts it has.", directives=PART_OF_A_ROW)
class AccountToPay:
    """One of the accounts at which Stripe takes the payer's transfers."""

    type: str = strawberry.field(description="Stripe's word: iban, sort_code, aba, swift, spei, zengin, …")
    account_holder_name: str | None = strawberry.field(description="Whose it is.")
    account_number: str | None = strawberry.field(description="Its number.")
    account_type: str | None = strawberry.field(description="Such as checking, or futsu.")
    bank_code: str | None = strawberry.field(description="The number of the bank.")
    bank_name: str | None = strawberry.field(description="The bank.")
    bic: str | None = strawberry.field(description="The bank's BIC, of an IBAN.")
    branch_code: str | None = strawberry.field(description="The number of the branch.")
    branch_name: str | None = strawberry.field(description="The branch.")
    clabe: str | None = strawberry.field(description="The CLABE, in Mexico.")
    country: str | None = strawberry.field(description="Where the account is, ISO 3166-1 alpha-2.")
    iban: str | None = strawberry.field(description="The IBAN.")
    routing_number: str | None = strawberry.field(description="The ABA routing number, in the United States.")
    sort_code: str | None = strawberry.field(description="The sort code, in the United Kingdom.")
    swift_code: str | None = strawberry.field(description="The bank's SWIFT code.")


@strawberry.type(description="Where to transfer the money to.", directives=PART_OF_A_ROW)
class BankTransfer:
    """The accounts are the payer's own at Stripe: whatever is sent there is theirs."""

    reference: str | None = strawberry.field(description="What the payer writes with the transfer, to have it found.")
    accounts: list[AccountToPay] = strawberry.field(description="The accounts, of which any will do.")

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "BankTransfer":
        """Show what Stripe has just said."""
        return cls(reference=found["reference"], accounts=[AccountToPay(**account) for account in found["accounts"]])


@strawberry.type(
    description="A small deposit that Stripe sends to the payer's account, to see that it is theirs.",
    directives=PART_OF_A_ROW,
)
class Microdeposits:
    """The page on which the payer says what they see on their statement is `redirectUrl`."""

    type: str | None = strawberry.field(description="Stripe's word for what to look for: amounts or descriptor_code.")
    arrives_at: datetime | None = strawberry.field(description="When it should be on the statement.")


@strawberry.type(description="What the payer has to do next.", directives=PART_OF_A_ROW)
class NextAction:
    """A page to visit, a voucher to pay, a transfer to send.

    The page may be stored; what the payer pays by never is: Stripe is asked for it, once, if a field wants it.
    """

    found: strawberry.Private[Confirmation[Any, Any]]
    page: strawberry.Private[str | None]

    @field
    def type(self) -> str:
        """Stripe's word for the action, such as redirect_to_url."""
        return str(self.found.stored_action["type"])

    @field
    def redirect_url(self) -> str | None:
        """The page to send the payer to, where there is one. That of a voucher, a code or a transfer shows the same as
        the fields below, days later as well.
        """
        return self.page

    @field
    def expires_at(self) -> datetime | None:
        """When it is too late."""
        return self.found.pay_before

    @field
    def amount_remaining(self) -> Money | None:
        """What has not arrived of a bank transfer; null for what is no transfer. Nothing is paid before it is zero."""
        remaining = self.found.remaining
        return Money.of(remaining) if remaining is not None else None

    @field
    async def voucher(self) -> Voucher | None:
        """The voucher; null for what is none."""
        found = await self.found.instructions()
        return Voucher.of(found["voucher"]) if "voucher" in found else None

    @field
    async def code(self) -> PaymentCode | None:
        """The code to scan or copy; null for what has none."""
        found = await self.found.instructions()
        return PaymentCode(**found["code"]) if "code" in found else None

    @field
    async def bank_transfer(self) -> BankTransfer | None:
        """Where to send the money; null for what is no transfer."""
        found = await self.found.instructions()
        return BankTransfer.of(found["transfer"]) if "transfer" in found else None

    @field
    async def microdeposits(self) -> Microdeposits | None:
        """What to look for on the statement; null for what is not verified this way."""
        found = await self.found.instructions()
        return Microdeposits(**found["microdeposits"]) if "microdeposits" in found else None
