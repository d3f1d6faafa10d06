"""Deliberately wrong variants of the application: each breaks one promise, as a tired programmer might.

A forked process applies them before it serves. `hurried` and `thirtyfold` are not wrong: they only shorten the waits.
Nor are `behind` and `ahead`, which only have wrong clocks.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import uuid4

import server.runtime
import webhooks.handlers
from database.statements import fetch
from database.unit_of_work import UnitOfWork, transact
from domain.deadlines import Deadline
from domain.states import PaymentStatus, Transition, WebhookState
from models import Operation, Order, Payment, Refund, WebhookEvent
from provider import Outcome, Provider, ProviderFailure, ProviderPayment, ProviderRefund
from provider.connection import breaker
from provider.mapping import payment_from
from services import retry_policy
from services.audit.trail import Cause, Change, record
from services.inbox import inbox
from services.money import payments, refunds, sync
from services.money.operations import claims, leases, outcomes, provider_calls, runner
from services.money.operations.steps import Step, StepOutcome, StepResult
from services.money.state import locking, payment_state, refund_state
from services.retry_policy import RetryPolicy

HURRIED_SECONDS = (0.1, 0.2, 0.4, 0.5)
FOR_EVER = 1e9


def apply(names: list[str]) -> None:
    """Make this process wrong in these ways."""
    for name in names:
        VARIANTS[name]()


def hurried() -> None:
    """Right, but with short waits: back-offs of minutes take fractions of a second, and nothing is given up."""
    retry_policy.BACK_OFF_SECONDS = HURRIED_SECONDS
    retry_policy.LEAST_EXTRA_SECONDS = HURRIED_SECONDS[0]
    breaker.FIRST_OPEN_SECONDS = HURRIED_SECONDS[0]  # type: ignore[misc]  # final for all other code
    breaker.LONGEST_OPEN_SECONDS = HURRIED_SECONDS[-1]  # type: ignore[misc]  # as above
    inbox.BACK_OFF_SECONDS = HURRIED_SECONDS  # type: ignore[assignment]  # a longer tuple than the declared one
    inbox.MAX_ATTEMPTS = 1_000
    _put(server.runtime, "RetryPolicy", lambda **given: RetryPolicy(**{**given, "sticky_error_seconds": 0.6}))


def thirtyfold() -> None:
    """Right, and every wait is a thirtieth: two minutes pass in four seconds."""
    retry_policy.BACK_OFF_SECONDS = tuple(seconds / 30 for seconds in retry_policy.BACK_OFF_SECONDS)
    retry_policy.LATER_SECONDS = tuple((since / 30, wait / 30) for since, wait in retry_policy.LATER_SECONDS)
    retry_policy.LEAST_EXTRA_SECONDS /= 30
    breaker.FIRST_OPEN_SECONDS /= 30  # type: ignore[misc]  # final for all other code
    breaker.LONGEST_OPEN_SECONDS /= 30  # type: ignore[misc]  # as above
    inbox.BACK_OFF_SECONDS = tuple(seconds / 30 for seconds in inbox.BACK_OFF_SECONDS)  # type: ignore[assignment]
    _put(
        server.runtime,
        "RetryPolicy",
        lambda **given: RetryPolicy(**{**given, "sticky_error_seconds": given["sticky_error_seconds"] / 30}),
    )


def behind() -> None:
    """Right, on a machine whose clock is 90 seconds behind."""
    _shift_clocks(timedelta(seconds=-90))


def ahead() -> None:
    """Right, on a machine whose clock is 300 seconds ahead."""
    _shift_clocks(timedelta(seconds=300))


def _shift_clocks(by: timedelta) -> None:
    """Shift the clock of all code that reads `datetime` and works with rows."""

    class Likewise(type):
        def __instancecheck__(cls, thing: object) -> bool:
            return isinstance(thing, datetime)

    class Shifted(datetime, metaclass=Likewise):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # plain moments, as elsewhere
            return datetime.now(tz) + by

    rooms = ("services", "models", "resolvers", "worker", "webhooks.handlers")
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in rooms or name in rooms:
            for known in [known for known, value in vars(module).items() if value is datetime]:
                setattr(module, known, Shifted)


def stripe_key_for_each_attempt() -> None:
    """The key of a call to Stripe is made when it is sent, and so is another one on a retry."""
    _put(Operation, "stripe_key", lambda operation, step: f"{operation.id}:{step}:{uuid4()}")


def id_of_its_own() -> None:
    """An operation's id is random, so that an operation lost in a failover has another key at Stripe when repeated."""
    _put(claims, "derive_operation_id", lambda *_, **__: uuid4())


def new_key_on_retry() -> None:
    """The provider retries by itself after a lost answer, under a new key."""
    right = Provider.create_refund

    async def wrong(self: Provider, params: Mapping[str, Any], *, key: str, until: Deadline) -> ProviderRefund:
        try:
            return await right(self, params, key=key, until=until)
        except ProviderFailure:
            return await right(self, params, key=f"{key}:{uuid4()}", until=until)

    _put(Provider, "create_refund", wrong)


def client_key_not_kept() -> None:
    """A client's key is not stored, so its retry is a new operation."""
    right = claims.claim

    async def wrong(request: claims.IdempotentRequest, **given: Any) -> Operation:
        return await right(replace(request, key=str(uuid4())), **given)

    _put(runner, "claim", wrong)


def unknown_is_failed() -> None:
    """A lost answer is taken for a decline."""
    _change_verdict(
        lambda step_result: (
            replace(
                step_result, kind=StepOutcome.FAILED, failure=step_result.failure or ProviderFailure(Outcome.UNKNOWN)
            )
            if step_result.kind is StepOutcome.UNKNOWN
            else step_result
        )
    )


def refund_not_reserved() -> None:
    """A refund counts only when Stripe has confirmed it, here and for the database."""
    right = refund_state.add_refund

    async def wrong(work: UnitOfWork, order: Order, payment: Payment, refund: Refund, cause: Cause) -> None:
        await fetch("SET LOCAL session_replication_role = replica")  # no trigger: the database does not check it
        await right(work, order, payment, refund, cause)

    _put(payment_state, "REFUND_RESERVES", frozenset())
    _put(refunds, "add_refund", wrong)


def event_applied_again() -> None:
    """A repeated event is applied again, and a failed attempt is recorded each time it is reported."""
    right = inbox.receive

    async def wrong(event: Any, endpoint: inbox.Endpoint) -> bool:
        is_new = await right(event, endpoint)
        if not is_new:
            await inbox.replay(event.id)
        return is_new

    async def told(work: UnitOfWork, order: Order, payment: Payment, seen: ProviderPayment, cause: Cause) -> None:
        if seen.last_error is not None and cause.stripe_event_id is not None:
            facts = payment.facts()
            change = Change("payment.attempt_failed", facts, facts, amount=payment.amount, payment_id=payment.id)
            await record(work, order, change, cause)

    _put(inbox, "receive", wrong)
    _put(sync, "keep_failed_attempt", told)


def stale_event_wins() -> None:
    """An event's data is written as it is, whatever has happened since."""

    async def handle(events: Sequence[WebhookEvent], *, provider: Provider) -> None:
        payment = await Payment.get_or_none(stripe_payment_intent_id=events[0].subject)

        async def body(work: UnitOfWork) -> None:
            for event in sorted(events, key=lambda event: event.received_at):
                thing = event.payload["data"]["object"]
                if payment is not None and thing["object"] == "payment_intent":
                    order, locked = await locking.lock_payment(payment.id)
                    await _write_as_told(work, order, locked, payment_from(thing), event.stripe_event_id)
            await inbox.finish_events(events, WebhookState.PROCESSED)

        await transact(body)

    _put(webhooks.handlers, "handle", handle)


async def _write_as_told(
    work: UnitOfWork, order: Order, payment: Payment, seen: ProviderPayment, event_id: str
) -> None:
    changes = {"status": seen.status, "captured_minor": seen.captured_minor, "capturable_minor": seen.capturable_minor}
    cause = Cause(actor=webhooks.handlers.STRIPE, stripe_event_id=event_id)
    await payment_state.change_payment(work, order, payment, changes, type="payment.updated", cause=cause)


def event_not_kept() -> None:
    """An event is answered with 200 and forgotten."""

    async def wrong(event: Any, endpoint: inbox.Endpoint) -> bool:
        return True

    _put(inbox, "receive", wrong)


def lease_ignored() -> None:
    """A process that looks for work takes operations that another one holds."""
    anyone = "due IS NOT NULL"
    _put(runner, "TAKE_NEXT", leases.TAKE_NEXT.replace("due <= now()", anyone))
    _put(runner, "TAKE", leases.TAKE.replace("due <= now()", anyone))


def fence_ignored() -> None:
    """A runner without its lease still writes, whatever our rows show."""
    right = outcomes.Recorder._record_under_locks

    async def wrong(
        self: outcomes.Recorder, leased: Operation, step_result: StepResult, *others: Any
    ) -> outcomes.RunResult:
        now = await Operation.get(id=leased.id)
        leased.attempt = now.attempt
        if not now.is_open:
            now.state, now.due, now.finished_at = leased.state, leased.due, None
            await now.save(update_fields=["state", "due", "finished_at"])
        return await right(self, leased, step_result, *others)

    _put(outcomes.Recorder, "_record_under_locks", wrong)
    _put(outcomes, "end_by_rows", lambda *_: False)


def cliff_ignored() -> None:
    """The same key is sent again, however old it is."""
    right = provider_calls.execute_step

    async def wrong(operation: Operation, payment: Payment, *, provider: Provider, policy: RetryPolicy) -> StepResult:
        blind = replace(policy, key_life_seconds=FOR_EVER, unknown_grace_seconds=FOR_EVER)
        return await right(operation, payment, provider=provider, policy=blind)

    _put(runner, "execute_step", wrong)


def confirmed_at_create() -> None:
    """The payment is created and confirmed in one call: money moves before the id is stored."""
    right = payments._create_params

    def wrong(*given: Any) -> dict[str, Any]:
        params = right(*given)
        if params.pop(Step.CONFIRM, None) is not None:
            params[Step.CREATE]["confirm"] = "true"
        return params

    _put(payments, "_create_params", wrong)


def late_answer_wins() -> None:
    """The last answer to arrive is written, though the row has moved on since it was given."""
    right = payment_state.apply_provider_state

    async def wrong(work: UnitOfWork, order: Order, payment: Payment, seen: ProviderPayment, **given: Any) -> bool:
        if not given["fetched"]:
            given["since"] = payment.revision
        return await right(work, order, payment, seen, **given)

    def forward(_: PaymentStatus, seen: PaymentStatus) -> Transition:
        return Transition.FORWARD

    _put(payment_state, "payment_transition", forward)
    _put(outcomes, "apply_provider_state", wrong)


def _change_verdict(change: Callable[[StepResult], StepResult]) -> None:
    right: Callable[..., Awaitable[StepResult]] = provider_calls.execute_step

    async def wrong(*given: Any, **named: Any) -> StepResult:
        return change(await right(*given, **named))

    _put(runner, "execute_step", wrong)


def _put(owner: object, name: str, wrong: object) -> None:
    """Replace an existing attribute; a missing one would make a variant that is right."""
    assert hasattr(owner, name), name
    setattr(owner, name, wrong)


WRONG: tuple[Callable[[], None], ...] = (
    stripe_key_for_each_attempt,
    id_of_its_own,
    new_key_on_retry,
    client_key_not_kept,
    unknown_is_failed,
    refund_not_reserved,
    event_applied_again,
    stale_event_wins,
    event_not_kept,
    lease_ignored,
    fence_ignored,
    cliff_ignored,
    confirmed_at_create,
    late_answer_wins,
)
VARIANTS: Mapping[str, Callable[[], None]] = {
    wrong.__name__: wrong for wrong in (hurried, thirtyfold, behind, ahead, *WRONG)
}
