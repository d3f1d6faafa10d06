"""Recovery of operations whose process died or gave up: run to their end by the worker, or when somebody reads them."""

import asyncio
from collections import OrderedDict
from uuid import UUID

import structlog

from database.statements import query_rows
from database.transactions import DatabaseUnavailable, finish
from domain.states import OrderPaymentStatus
from models import Operation, Order, Payment
from services.money.operations.runner import OperationRunner

log = structlog.get_logger(__name__)

AT_ONCE = 4  # recoveries that run beside the requests; the janitor does the rest
CHECK_AGAIN_SECONDS = 5.0  # a client that polls every second need not cause a query every second
REMEMBERED = 10_000
UNSETTLED = frozenset(
    {
        OrderPaymentStatus.UNPAID,
        OrderPaymentStatus.PENDING,
        OrderPaymentStatus.ACTION_REQUIRED,
        OrderPaymentStatus.AUTHORIZED,
        OrderPaymentStatus.PARTIALLY_PAID,
    }
)
OVERDUE_OF_PAYMENT = "SELECT id FROM operation WHERE due <= now() AND payment_id = $1"
OVERDUE_OF_ORDER = """
SELECT id FROM operation WHERE due <= now() AND payment_id IN (SELECT id FROM payment WHERE order_id = $1)
"""
OVERDUE = "SELECT id FROM operation WHERE due <= now() AND id = $1"


async def run_next(runner: OperationRunner) -> bool:
    """Run the operation that has been due for longest; False when none is due, or calls to Stripe are paused."""
    if runner.provider.breaker_open_seconds > 0:
        return False
    operation = await runner.take_next()
    if operation is None:
        return False
    log.info("operation.resumed", operation=str(operation.id), attempt=operation.attempt)
    await runner.run(operation, in_request=False)
    return True


class RecoveryOnRead:
    """Runs overdue operations that queries meet: a few at a time, and each row at most every few seconds."""

    def __init__(self, runner: OperationRunner, *, enabled: bool = True) -> None:
        self._runner = runner
        self._enabled = enabled
        self._checked_at: OrderedDict[UUID, float] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    def payment_was_read(self, payment: Payment) -> None:
        """Run what is overdue on this payment, if anything can be open."""
        if not payment.is_final or payment.refund_pending_minor > 0:
            self._recover_soon(payment.id, OVERDUE_OF_PAYMENT)

    def order_was_read(self, order: Order) -> None:
        """Run what is overdue on this order's payments, if anything can be open."""
        if order.payment_status in UNSETTLED:
            self._recover_soon(order.id, OVERDUE_OF_ORDER)

    def operation_was_read(self, operation: Operation) -> None:
        """Run this operation, if it is open and overdue."""
        if operation.is_open:
            self._recover_soon(operation.id, OVERDUE)

    def _recover_soon(self, identity: UUID, statement: str) -> None:
        now = asyncio.get_running_loop().time()
        checked_at = self._checked_at.get(identity, -CHECK_AGAIN_SECONDS)
        is_busy = len(self._running) >= AT_ONCE or self._runner.provider.breaker_open_seconds > 0
        if not self._enabled or is_busy or now - checked_at < CHECK_AGAIN_SECONDS:
            return
        self._checked_at[identity] = now
        self._checked_at.move_to_end(identity)
        if len(self._checked_at) > REMEMBERED:
            self._checked_at.popitem(last=False)
        task = asyncio.create_task(finish(self._recover(identity, statement)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _recover(self, identity: UUID, statement: str) -> None:
        try:
            for found in await query_rows(statement, [identity]):
                operation = await self._runner.take(found["id"])
                if operation is not None:
                    log.info("operation.resumed_on_read", operation=str(operation.id), attempt=operation.attempt)
                    await self._runner.run(operation, in_request=False)
        except DatabaseUnavailable as error:
            log.warning("repair.waiting", reason=str(error))
        except Exception:  # nobody awaits this task: a bug in it must be logged here
            log.exception("repair.failed")
