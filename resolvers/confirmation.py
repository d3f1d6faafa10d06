"""The confirmation of a payment by its payer: shown to nobody else, and stored nowhere."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.caller import Scope
from domain.errors import DomainError
from domain.ids import Kind, row_id
from domain.money import Money
from domain.states import CONFIRMABLE
from models import Payment
from provider import ProviderPayment
from resolvers.access import may_pay, require
from resolvers.context import RequestContext
from services.money.confirmations import find_return_page


class Confirmation:
    """One payment's secrets for its payer. Stripe is asked for what is not stored: once, if a field wants it."""

    def __init__(self, context: RequestContext, payment: Payment, *, known_secret: str | None) -> None:
        self._asking = context
        self._payment = payment
        self._known_secret = known_secret
        self._look = asyncio.Lock()
        self._seen: ProviderPayment | DomainError | None = None

    def __repr__(self) -> str:
        return f"Confirmation({self._payment.id})"  # never the secret

    @property
    def publishable_key(self) -> str | None:
        return self._asking.publishable_key

    @property
    def asks_payer(self) -> bool:
        """True if there is a next step for the payer."""
        return self._payment.next_action is not None

    @property
    def stored_action(self) -> Mapping[str, Any]:
        """The payer's next step as it is stored, without a page that holds a secret and without instructions."""
        return self._payment.next_action or {}

    @property
    def pay_before(self) -> datetime | None:
        """The moment until which a voucher or a code can be paid."""
        return self._payment.pay_before

    @property
    def remaining(self) -> Money | None:
        """The part of a bank transfer that has not arrived."""
        remaining = self._payment.remaining_minor
        return self._payment.money(remaining) if remaining is not None else None

    async def return_url(self) -> str | None:
        """Where the payer comes back to, as createPayment named it."""
        return await find_return_page(self._payment)

    async def client_secret(self) -> str | None:
        """The secret with which the payer confirms. Raises ProviderProblem when Stripe cannot be asked."""
        return self._known_secret or (await self._at_stripe()).client_secret

    async def page(self) -> str | None:
        """The page that the payer is to visit. Raises ProviderProblem when Stripe cannot be asked."""
        stored = self.stored_action
        if not stored.get("page_withheld"):
            return stored.get("redirect_url")
        action = (await self._at_stripe()).next_action
        return action.redirect_url if action is not None else None

    async def instructions(self) -> Mapping[str, Any]:
        """The voucher, the code, the account or the deposit that the payer needs where they pay.

        Raises ProviderProblem when Stripe cannot be asked.
        """
        action = (await self._at_stripe()).next_action if self.asks_payer else None
        return action.instructions if action is not None else {}

    async def _at_stripe(self) -> ProviderPayment:
        async with self._look:
            if self._seen is None:
                self._seen = await self._retrieved()
        if isinstance(self._seen, DomainError):
            raise self._seen
        return self._seen

    async def _retrieved(self) -> ProviderPayment | DomainError:
        intent = self._payment.stripe_payment_intent_id
        assert intent is not None, "something to confirm without an intent"
        try:
            return await self._asking.document_reads.retrieve(self._payment.id, intent)
        except DomainError as refusal:
            return refusal


async def confirmation_of(
    context: RequestContext, payment: Payment | None, *, known_secret: str | None = None
) -> Confirmation | None:
    """Return what the payer, or a service that takes payments, needs to go on with a payment.

    It is None for others, and when there is nothing to confirm. `known_secret` is the one that Stripe just answered.
    """
    if payment is None or payment.status not in CONFIRMABLE or payment.stripe_payment_intent_id is None:
        return None
    if not await may_pay(context, payment.customer_id):
        return None
    return Confirmation(context, payment, known_secret=known_secret)


async def payment_confirmation(context: RequestContext, *, payment_id: str) -> Confirmation | None:
    """Return the same for a payment by its id; a foreign one is answered as a missing one.

    Raises AuthenticationRequired and Forbidden.
    """
    require(context, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    identity = row_id(payment_id, Kind.PAYMENT)
    return (
        await confirmation_of(context, await context.loaders.payment.load(identity)) if identity is not None else None
    )
