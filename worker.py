"""The worker: applies webhooks, resumes operations, reads Stripe's events. In the server or on its own."""

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from database.transactions import DatabaseUnavailable
from domain.states import EventSource
from models import WebhookEvent
from provider import Provider, ProviderFailure
from services.inbox import inbox
from services.inbox.event_poller import EventPoller, Schedule
from services.inbox.lag import ALARM_SECONDS, LagWatch, report_long_wait
from services.money.operations import recovery
from services.money.operations.runner import OperationRunner
from services.reconciliation import runs
from webhooks import handlers

log = structlog.get_logger(__name__)

LONGEST_WAIT_SECONDS = 3.0  # while the database or Stripe is away; work continues within five seconds of its return
RECONCILE_TICK_SECONDS = 60.0  # how often a due run is looked for; also the longest wait after a killed one
WAITS_TICK_SECONDS = 600.0  # how often an event is looked for that has waited for Stripe too long
READ_TICK_SECONDS = 5.0  # how often a due reading is looked for; also the longest wait after a killed one
SWEEP_PAUSE = timedelta(seconds=1)  # between two pages of the sweep: it takes one of 25 requests a second


@dataclass(frozen=True, slots=True)
class WorkerJobs:
    """The jobs that run, their intervals, and the number of tasks that each job has at once.

    Each can be switched off, so that each can be tested alone.
    """

    tick_seconds: float = 0.5
    concurrency: int = 8
    poll_interval_seconds: float = 60.0
    webhooks: bool = True
    janitor: bool = True
    poller: bool = True
    sweep_interval_seconds: float = 86_400.0
    sweeper: bool = True
    reconcile_interval_seconds: float = 86_400.0
    reconciler: bool = True


class Worker:
    """Runs the switched-on jobs until it is stopped; a failure of one piece of work stops nothing else."""

    def __init__(self, *, runner: OperationRunner, endpoint: inbox.Endpoint, jobs: WorkerJobs) -> None:
        self._runner = runner
        self._provider: Provider = runner.provider
        self._endpoint = endpoint
        self._jobs = jobs
        self._stopping = asyncio.Event()
        self._reader = EventPoller(runner.provider, endpoint, runner.lease_seconds)
        self._poll = Schedule(EventSource.POLL, timedelta(seconds=jobs.poll_interval_seconds))
        self._sweep = Schedule(EventSource.SWEEP, timedelta(seconds=jobs.sweep_interval_seconds), SWEEP_PAUSE)
        self._lag = LagWatch()
        self._waiting: set[str] = set()

    def stop(self) -> None:
        """Take no more work; `run` returns when the current work is done."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop` is called."""
        jobs = self._jobs
        async with asyncio.TaskGroup() as group:
            if jobs.webhooks:
                for _ in range(jobs.concurrency):
                    group.create_task(self._repeat("inbox", self.apply_next, jobs.tick_seconds))
            if jobs.janitor:
                for _ in range(jobs.concurrency):
                    group.create_task(self._repeat("janitor", self.run_next, jobs.tick_seconds))
            if jobs.poller:
                tick = min(jobs.poll_interval_seconds, READ_TICK_SECONDS)
                group.create_task(self._until_stopped("poller", self.poll, tick))
            if jobs.sweeper:
                tick = min(jobs.sweep_interval_seconds, READ_TICK_SECONDS)
                group.create_task(self._until_stopped("sweeper", self.sweep, tick))
            if jobs.reconciler:
                group.create_task(self._reconcile_at_times())
            group.create_task(self._watch_lag())
            group.create_task(self._until_stopped("waits", self.watch_waits, WAITS_TICK_SECONDS))

    async def apply_next(self) -> bool:
        """Apply the next events of the inbox, those of one payment; False when none is due, or the breaker is open."""
        if self._provider.breaker_open_seconds > 0:
            return False
        events = await inbox.take(lease_seconds=self._runner.lease_seconds)
        if events:
            await self._apply(events)
        return bool(events)

    async def run_next(self) -> bool:
        """Run the next overdue operation; False when none is due."""
        return await recovery.run_next(self._runner)

    async def poll(self) -> bool:
        """Read the next page of Stripe's newest events; False when there is nothing to read for now."""
        return await self._reader.read_page(self._poll)

    async def sweep(self) -> bool:
        """Read the next page of all that Stripe keeps; False when there is nothing to read for now."""
        has_more = await self._reader.read_page(self._sweep)
        if has_more:
            await self._pause(SWEEP_PAUSE.total_seconds())
        return has_more

    async def watch_lag(self) -> bool:
        """Measure the lag of waiting work, and log one that is too long."""
        await self._lag.measure()
        return False

    async def watch_waits(self) -> bool:
        """Check how long events have waited for Stripe, and log a wait that is too long."""
        await report_long_wait()
        return False

    async def reconcile(self) -> bool:
        """Reconcile if a run is due and no other process is running one. Reports, and repairs nothing."""
        interval = timedelta(seconds=self._jobs.reconcile_interval_seconds)
        if await runs.is_due(interval=interval, livemode=self._endpoint.livemode):
            reconciler = runs.Reconciler(self._provider, self._endpoint, self._runner.lease_seconds)
            await reconciler.run(runs.nightly_window(interval=interval), repair=False)
        return False

    async def drain(self) -> int:
        """Do everything that is due now; return the number of pieces of work. For tests and commands."""
        done = 0
        while await self.apply_next() or await self.run_next():
            done += 1
        return done

    async def _apply(self, events: Sequence[WebhookEvent]) -> None:
        try:
            await handlers.handle(events, provider=self._provider)
        except (DatabaseUnavailable, asyncio.CancelledError):
            raise
        except Exception as error:  # a bug in one event must not stop the others: it is kept, retried and then DEAD
            if len(events) > 1:
                for event in events:
                    await self._apply([event])
                return
            log.exception("webhook.failed", stripe_event=events[0].stripe_event_id)
            await inbox.retry(events[0], f"{type(error).__name__} in {_where(error)}")

    async def _reconcile_at_times(self) -> None:
        """Reconcile from time to time, but not at once: a start has more urgent work."""
        tick = min(self._jobs.reconcile_interval_seconds, RECONCILE_TICK_SECONDS)
        await self._pause(tick)
        await self._until_stopped("reconciler", self.reconcile, tick)

    async def _watch_lag(self) -> None:
        """Watch the lag, but not at once: after an outage there is one, and this process is about to work it off."""
        await self._pause(ALARM_SECONDS)
        await self._until_stopped("lag", self.watch_lag, ALARM_SECONDS)

    async def _until_stopped(self, name: str, work: Callable[[], Awaitable[bool]], pause_seconds: float) -> None:
        """Repeat work that keeps its position: a stop does not wait for it, another process goes on."""
        working = asyncio.create_task(self._repeat(name, work, pause_seconds))
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)

    async def _repeat(self, name: str, work: Callable[[], Awaitable[bool]], pause_seconds: float) -> None:
        troubles = 0
        while not self._stopping.is_set():
            try:
                again = await work()
                if troubles:
                    troubles = 0
                    self._goes_on(name)
            except (DatabaseUnavailable, ProviderFailure) as error:
                self._waits(name, error)
                troubles += 1
                await self._pause(_longer(pause_seconds, troubles))
                continue
            except Exception:  # a bug in one job must not end the process of the others
                log.exception("worker.failed", job=name)
                again = False
            if not again:
                await self._pause(pause_seconds)

    def _waits(self, name: str, error: Exception) -> None:
        """Log that a job waits, once however many tasks it has and however long it takes."""
        if name not in self._waiting:
            self._waiting.add(name)
            log.warning("worker.waiting", job=name, reason=str(error))

    def _goes_on(self, name: str) -> None:
        if name in self._waiting:
            self._waiting.discard(name)
            log.info("worker.goes_on", job=name)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)
        except TimeoutError:
            return


def _longer(pause_seconds: float, troubles: int) -> float:
    """Return the wait after so many failures in a row: longer each time, bounded, and with jitter."""
    longest = max(pause_seconds, LONGEST_WAIT_SECONDS)
    return min(pause_seconds * (1 << min(troubles, 10)), longest) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _where(error: Exception) -> str:
    """Return the function that raised an exception, the innermost that is not a library's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return frames[-1].name if frames else "an unknown place"
