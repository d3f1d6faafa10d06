"""The confirmation of a payment by its payer, or of a setup by its customer: shown to nobody else, stored nowhere."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from domain.caller import Scope
from domain.errors import DomainError
from domain.ids import Kind, row_id
from domain.money import Money
from domain.states import CONFIRMABLE, SETUP_CONFIRMABLE
from models import Payment, SetupIntent
from provider import ProviderPayment, ProviderSetup
from resolvers.access import may_pay, require
from resolvers.context import RequestContext
from services.money.confirmations import find_return_page

# Actions, by Stripe's words, of which the payer needs to know no more than the page.
ONLY_A_PAGE: Final = frozenset({"redirect_to_url", "use_stripe_sdk", "alipay_handle_redirect"})
Confirmable = TypeVar("Confirmable", Payment, SetupIntent)
Snapshot = TypeVar("Snapshot", ProviderPayment, ProviderSetup)


class Confirmation(ABC, Generic[Confirmable, Snapshot]):
    """The secrets of one row for its payer. Stripe is asked for what is not stored: once, if a field wants it."""

    def __init__(self, context: RequestContext, row: Confirmable, *, known_secret: str | None) -> None:
        self._asking = context
        self._row: Confirmable = row
        self._known_secret = known_secret
        self._look = asyncio.Lock()
        self._seen: Snapshot | DomainError | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._row.id})"  # never the secret

    @property
    def publishable_key(self) -> str | None:
        return self._asking.publishable_key

    @property
    def asks_payer(self) -> bool:
        """True if there is a next step for the payer."""
        return self._row.next_action is not None

    @property
    def stored_action(self) -> Mapping[str, Any]:
        """The payer's next step as it is stored, without a page that holds a secret and without instructions."""
        return self._row.next_action or {}

    @property
    def pay_before(self) -> datetime | None:
        """The moment until which the payer can take their next step; None where there is no end."""
        expires = self.stored_action.get("expires_at")
        return datetime.fromisoformat(expires) if expires else None

    @property
    def remaining(self) -> Money | None:
        """The part of a bank transfer that has not arrived."""
        return None

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
        if self.stored_action.get("type") in ONLY_A_PAGE:
            return {}
        action = (await self._at_stripe()).next_action
        return action.instructions if action is not None else {}

    async def _at_stripe(self) -> Snapshot:
        async with self._look:
            if self._seen is None:
                try:
                    self._seen = await self._retrieve()
                except DomainError as refusal:
                    self._seen = refusal
        if isinstance(self._seen, DomainError):
            raise self._seen
        return self._seen

    @abstractmethod
    async def _retrieve(self) -> Snapshot:
        """Ask Stripe for the object. Raises DomainError."""


class OfPayment(Confirmation[Payment, ProviderPayment]):
    """The means of a payment's payer to go on."""

    @property
    def remaining(self) -> Money | None:
        remaining = self._row.remaining_minor
        return self._row.money(remaining) if remaining is not None else None

    async def return_url(self) -> str | None:
        """Where the payer comes back to, as createPayment named it."""
        return await find_return_page(self._row)

    async def _retrieve(self) -> ProviderPayment:
        intent = self._row.stripe_payment_intent_id
        assert intent is not None, "something to confirm without an intent"
        return await self._asking.document_reads.retrieve(self._row.id, intent)


class OfSetup(Confirmation[SetupIntent, ProviderSetup]):
    """The means of a setup's customer to go on."""

    async def _retrieve(self) -> ProviderSetup:
        intent = self._row.stripe_setup_intent_id
        assert intent is not None, "something to confirm without an intent"
        return await self._asking.document_reads.retrieve_setup(self._row.id, intent)


async def confirmation_of(
    context: RequestContext, payment: Payment | None, *, known_secret: str | None = None
) -> OfPayment | None:
    """Return what the payer, or a service that takes payments, needs to go on with a payment.

    It is None for others, and when there is nothing to confirm. `known_secret` is the one that Stripe just answered.
    """
    if payment is None or payment.status not in CONFIRMABLE or payment.stripe_payment_intent_id is None:
        return None
    if not await may_pay(context, payment.customer_id):
        return None
    return OfPayment(context, payment, known_secret=known_secret)


async def payment_confirmation(context: RequestContext, *, payment_id: str) -> OfPayment | None:
    """Return the same for a payment by its id; a foreign one is answered as a missing one.

    Raises AuthenticationRequired and Forbidden.
    """
    require(context, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    identity = row_id(payment_id, Kind.PAYMENT)
    return (
        await confirmation_of(context, await context.loaders.payment.load(identity)) if identity is not None else None
    )


async def confirmation_of_setup(
    context: RequestContext, setup: SetupIntent | None, *, known_secret: str | None = None
) -> OfSetup | None:
    """Return what the customer, or a service that takes payments, needs to go on with a setup; None as above."""
    if setup is None or setup.status not in SETUP_CONFIRMABLE or setup.stripe_setup_intent_id is None:
        return None
    if not await may_pay(context, setup.customer_id):
        return None
    return OfSetup(context, setup, known_secret=known_secret)


async def setup_confirmation(context: RequestContext, *, setup_intent_id: str) -> OfSetup | None:
    """Return the same for a setup by its id; a foreign one is answered as a missing one.

    Raises AuthenticationRequired and Forbidden.
    """
    require(context, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    identity = row_id(setup_intent_id, Kind.SETUP)
    setup = await context.loaders.setup_intent.load(identity) if identity is not None else None
    return await confirmation_of_setup(context, setup)
