"""The worker: applies webhooks, resumes operations, polls Stripe. Runs beside the server or as a process of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from models.atomic import DatabaseUnavailable
from provider import Provider, ProviderFailure
from services import inbox, janitor, poller, reconcile
from services.drive import Driver
from webhooks import handlers

log = structlog.get_logger()

RECONCILE_TICK_SECONDS = 60.0  # how often the worker looks whether a run is due; a killed one waits no longer
FIRST_POLL = timedelta(hours=1)  # what a restart looks back on; longer outages are the reconciler's


@dataclass(frozen=True, slots=True)
class Layers:
    """Which layers run, how often they look, and how many pieces of work each has in hand at once.

    Each can be switched off, so that each can be tested alone.
    """

    tick_seconds: float = 0.5
    lanes: int = 8
    poll_interval_seconds: float = 60.0
    webhooks: bool = True
    janitor: bool = True
    poller: bool = True
    reconcile_interval_seconds: float = 86_400.0
    reconciler: bool = True


class Worker:
    """Runs the switched-on layers until it is stopped; a failure of one piece of work stops nothing."""

    def __init__(self, *, driver: Driver, endpoint: inbox.Endpoint, layers: Layers) -> None:
        self._driver = driver
        self._provider: Provider = driver.provider
        self._endpoint = endpoint
        self._layers = layers
        self._stopping = asyncio.Event()
        self._polled_until = datetime.now(UTC) - FIRST_POLL

    def stop(self) -> None:
        """Take up no more work; `run` returns when the work in hand is done."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop` is called."""
        layers = self._layers
        async with asyncio.TaskGroup() as group:
            if layers.webhooks:
                group.create_task(self._repeat("inbox", self.apply_next, layers.tick_seconds))
            if layers.janitor:
                for _ in range(layers.lanes):
                    group.create_task(self._repeat("janitor", self.drive_next, layers.tick_seconds))
            if layers.poller:
                group.create_task(self._repeat("poller", self.poll, layers.poll_interval_seconds))
            if layers.reconciler:
                group.create_task(self._reconcile_at_times())

    async def apply_next(self) -> bool:
        """Apply the next event of the inbox; False when none is due."""
        event = await inbox.take(lease_seconds=self._driver.lease_seconds)
        if event is None:
            return False
        try:
            await handlers.handle(event, provider=self._provider)
        except (DatabaseUnavailable, asyncio.CancelledError):
            raise
        except Exception as error:  # a bug in one event must not stop the others: it is kept, retried and then DEAD
            log.exception("webhook.failed", stripe_event=event.stripe_event_id)
            await inbox.retry(event, type(error).__name__)
        return True

    async def drive_next(self) -> bool:
        """Drive the next overdue operation; False when none is due."""
        return await janitor.drive_next(self._driver)

    async def poll(self) -> bool:
        """Read Stripe's events since the last time."""
        self._polled_until = await poller.poll(self._provider, self._endpoint, since=self._polled_until)
        return False

    async def reconcile(self) -> bool:
        """Compare everything with Stripe if that is due and no other process is at it. Reports, and repairs nothing."""
        interval = timedelta(seconds=self._layers.reconcile_interval_seconds)
        if await reconcile.is_due(interval=interval, livemode=self._endpoint.livemode):
            reconciler = reconcile.Reconciler(self._provider, self._endpoint, self._driver.lease_seconds)
            await reconciler.run(reconcile.nightly_window(interval=interval), repair=False)
        return False

    async def drain(self) -> int:
        """Do everything that is due now, and say how many pieces of work that was. For tests and commands."""
        done = 0
        while await self.apply_next() or await self.drive_next():
            done += 1
        return done

    async def _reconcile_at_times(self) -> None:
        """As `_repeat`, but not at once: a start has more urgent things to do. A stop does not wait for a run's end."""
        tick = min(self._layers.reconcile_interval_seconds, RECONCILE_TICK_SECONDS)
        await self._pause(tick)
        work = asyncio.create_task(self._repeat("reconciler", self.reconcile, tick))
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, stopped):
            task.cancel()  # the run keeps its place: whoever comes next goes on from its last page
        await asyncio.gather(work, stopped, return_exceptions=True)

    async def _repeat(self, name: str, work: Callable[[], Awaitable[bool]], pause_seconds: float) -> None:
        while not self._stopping.is_set():
            try:
                again = await work()
            except (DatabaseUnavailable, ProviderFailure) as error:
                log.warning("worker.waiting", layer=name, reason=str(error))
                again = False
            except Exception:  # a bug in one layer must not end the process that the other layers live in
                log.exception("worker.failed", layer=name)
                again = False
            if not again:
                await self._pause(pause_seconds)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)
        except TimeoutError:
            return
