"""Requests to Stripe that readers cause: one at a time for each payment, few per document, behind the workers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import UUID

from domain.errors import DomainError, ErrorCode, Refused
from models import Payment
from provider import Outcome, Provider, ProviderFailure, ProviderPayment, ProviderSetup
from provider.connection.request_budget import THROTTLED_HERE
from services.audit.trail import Cause
from services.money.state import locking
from services.money.sync import close_if_gone, refresh_payment, unavailable

T = TypeVar("T")

AT_ONCE: Final = 16  # requests of a process: more than Stripe answers to one endpoint in the time that one takes
LONGEST_WAIT_SECONDS: Final = 3.0  # a reader gets our row rather than wait for longer
IN_A_DOCUMENT: Final = 5  # payments and setups: a page shows one or two, and 25 calls a second are for everybody


class ProviderReads:
    """The readers' requests to Stripe in one process. Concurrent readers of a payment share one request.

    A reader who leaves does not end the request for the others.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider.for_readers()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._refreshing: dict[UUID, asyncio.Task[Payment]] = {}
        self._retrieving: dict[UUID, asyncio.Task[ProviderPayment]] = {}
        self._setups: dict[UUID, asyncio.Task[ProviderSetup]] = {}

    async def refresh(self, payment: Payment, *, cause: Cause, anew: bool = False) -> Payment:
        """Return the payment after Stripe was asked about it, by this call or by one under way.

        With `anew` the call joins none that had begun before. Raises ProviderProblem when the payment could not be
        refreshed.
        """
        if anew and (earlier := self._refreshing.get(payment.id)) is not None:
            await asyncio.wait({earlier})
        is_mine = payment.id not in self._refreshing
        seen = await self._share(self._refreshing, payment.id, lambda: self._refresh_or_close(payment, cause))
        return seen if is_mine else await locking.read_payment(payment.id)  # each request gets a row object of its own

    async def retrieve(self, payment_id: UUID, intent_id: str) -> ProviderPayment:
        """Return the intent of a payment as it stands at Stripe. Raises ProviderProblem when Stripe cannot be asked."""
        return await self._share(self._retrieving, payment_id, lambda: self._provider.retrieve_payment(intent_id))

    async def retrieve_setup(self, setup_id: UUID, intent_id: str) -> ProviderSetup:
        """Return a setup as it stands at Stripe. Raises ProviderProblem when Stripe cannot be asked."""
        return await self._share(self._setups, setup_id, lambda: self._provider.retrieve_setup(intent_id))

    async def close(self) -> None:
        """Cancel the requests whose readers are gone: nobody awaits them."""
        running = [*self._refreshing.values(), *self._retrieving.values(), *self._setups.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _share(
        self, running: dict[UUID, asyncio.Task[T]], identity: UUID, request: Callable[[], Awaitable[T]]
    ) -> T:
        task = running.get(identity)
        if task is None:
            task = running[identity] = asyncio.create_task(self._run_in_turn(request))
            task.add_done_callback(lambda done: _forget(running, identity, done))
        try:
            return await asyncio.shield(task)
        except ProviderFailure as failure:
            problem = unavailable(failure)
        raise problem

    async def _run_in_turn(self, request: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise ProviderFailure(
                Outcome.THROTTLED, code=THROTTLED_HERE, retry_after_seconds=LONGEST_WAIT_SECONDS
            ) from None
        try:
            return await request()
        finally:
            self._room.release()

    async def _refresh_or_close(self, payment: Payment, cause: Cause) -> Payment:
        try:
            return await refresh_payment(payment.id, provider=self._provider, cause=cause)
        except ProviderFailure as failure:
            closed = await self._close_if_gone(payment, failure, cause)
            if closed is None:
                raise
            return closed

    async def _close_if_gone(self, payment: Payment, failure: ProviderFailure, cause: Cause) -> Payment | None:
        """Close the payment if Stripe does not know it and knows another one; None otherwise."""
        if not failure.is_missing_payment or payment.is_final:
            return None
        try:
            return await close_if_gone(payment, provider=self._provider, cause=cause)
        except ProviderFailure:
            return None


class DocumentReads:
    """The requests of one document: for a few payments and setups, each once, under however many aliases."""

    def __init__(self, reads: ProviderReads) -> None:
        self._reads = reads
        self._refreshed: dict[UUID, asyncio.Future[Payment]] = {}
        self._retrieved: dict[UUID, asyncio.Future[ProviderPayment]] = {}
        self._setups: dict[UUID, asyncio.Future[ProviderSetup]] = {}

    def may_ask_about(self, identity: UUID) -> bool:
        """Return True if Stripe may be asked about this payment or setup as well."""
        known = self._refreshed.keys() | self._retrieved.keys() | self._setups.keys()
        return identity in known or len(known) < IN_A_DOCUMENT

    async def refresh(self, payment: Payment, *, cause: Cause) -> None:
        """Refresh a payment once. Raises ProviderProblem."""
        if payment.id not in self._refreshed:
            self._refreshed[payment.id] = asyncio.ensure_future(self._reads.refresh(payment, cause=cause))
        await asyncio.shield(self._refreshed[payment.id])

    async def retrieve(self, payment_id: UUID, intent_id: str) -> ProviderPayment:
        """Return the intent at Stripe, fetched once. Raises ProviderProblem, or Refused for one payment too many."""
        if not self.may_ask_about(payment_id):
            raise too_many()
        if payment_id not in self._retrieved:
            self._retrieved[payment_id] = asyncio.ensure_future(self._reads.retrieve(payment_id, intent_id))
        return await asyncio.shield(self._retrieved[payment_id])

    async def retrieve_setup(self, setup_id: UUID, intent_id: str) -> ProviderSetup:
        """Return a setup at Stripe, fetched once. Raises ProviderProblem, or Refused for one too many."""
        if not self.may_ask_about(setup_id):
            raise too_many()
        if setup_id not in self._setups:
            self._setups[setup_id] = asyncio.ensure_future(self._reads.retrieve_setup(setup_id, intent_id))
        return await asyncio.shield(self._setups[setup_id])


def too_many() -> DomainError:
    """Make the refusal of a payment or a setup that exceeds the document's limit."""
    return Refused(
        ErrorCode.RATE_LIMITED,
        f"A document may ask Stripe about {IN_A_DOCUMENT} payments. Ask for the others in documents of their own.",
    )


def _forget(running: dict[UUID, asyncio.Task[T]], payment_id: UUID, done: asyncio.Task[T]) -> None:
    del running[payment_id]
    if not done.cancelled():
        done.exception()  # marks it as retrieved: the readers may be gone
