"""The confirmation of a payment or a setup, which the payer alone may read."""

import strawberry

from resolvers.confirmation import OfPayment, OfSetup
from schema.directives import PART_OF_A_ROW
from schema.fields import field
from schema.types.next_actions import NextAction


@strawberry.type(
    description="What a payer needs to go on with a payment, while there is something to confirm. Only for the payer"
    " and for services that take payments. It stands beside the payment and not on it, so that no list and no stream"
    " takes it from a client's cache.",
    directives=PART_OF_A_ROW,
)
class PaymentConfirmation:
    """Wraps a confirmation, whose parts are fetched field by field."""

    found: strawberry.Private[OfPayment]

    @classmethod
    def of(cls, found: OfPayment | None) -> "PaymentConfirmation | None":
        return cls(found=found) if found is not None else None

    @field
    async def client_secret(self) -> str | None:
        """For Stripe.js and Stripe's mobile libraries. Never stored or logged; Stripe is asked for it anew."""
        return await self.found.client_secret()

    @field
    async def next_action(self) -> NextAction | None:
        """What the payer has to do next: 3DS, a redirect, a voucher, a transfer; null when it is nothing."""
        return NextAction(found=self.found, page=await self.found.page()) if self.found.asks_payer else None

    @field
    def publishable_key(self) -> str | None:
        """Stripe's publishable key of this installation, to begin Stripe.js with; null where none is configured."""
        return self.found.publishable_key

    @field
    async def return_url(self) -> str | None:
        """Where the payer comes back to from a redirect, as createPayment named it: hand it to Stripe.js."""
        return await self.found.return_url()


@strawberry.type(
    description="What a customer needs to go on with a setup, while there is something to confirm. Only for the"
    " customer and for services that take payments, and beside the setup as a payment's confirmation is beside it.",
    directives=PART_OF_A_ROW,
)
class SetupConfirmation:
    """Wraps a confirmation, whose parts are fetched field by field."""

    found: strawberry.Private[OfSetup]

    @classmethod
    def of(cls, found: OfSetup | None) -> "SetupConfirmation | None":
        return cls(found=found) if found is not None else None

    @field
    async def client_secret(self) -> str | None:
        """For Stripe.js and Stripe's mobile libraries. Never stored or logged; Stripe is asked for it anew."""
        return await self.found.client_secret()

    @field
    async def next_action(self) -> NextAction | None:
        """What the customer has to do next: 3DS, or a page on which a bank account is verified; null for nothing."""
        return NextAction(found=self.found, page=await self.found.page()) if self.found.asks_payer else None

    @field
    def publishable_key(self) -> str | None:
        """Stripe's publishable key of this installation, to begin Stripe.js with; null where none is configured."""
        return self.found.publishable_key
