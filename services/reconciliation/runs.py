"""Reconciliation runs: all of a time window at Stripe against our rows, one run at a time over all replicas.

A run is a row with a lease and a cursor. It goes through its stages page by page; each page's findings and the new
cursor are written in one transaction, so a run whose process died goes on from its last page.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from database.leases import TAKEN, LeaseLost
from database.statements import query_rows, read_database_clock
from database.transactions import run_in_transaction
from domain.ids import new_id
from domain.states import MONEY_KINDS, DiscrepancyState
from models import Discrepancy, ReconciliationRun
from provider import Provider
from services.inbox.inbox import Endpoint
from services.reconciliation.findings import Finding
from services.reconciliation.resolution import resolve_by_run
from services.reconciliation.stages import FIRST_STAGE, NEXT_STAGE, WALKS, Stage, Walked

log = structlog.get_logger(__name__)

GRACE = timedelta(minutes=10)  # a younger object may still be on its way to us
SPAN = timedelta(hours=25)  # a day and an hour: two nightly windows overlap, whichever runs late

TAKE_OVER = f"""
UPDATE reconciliation_run SET {TAKEN}
WHERE id = (SELECT id FROM reconciliation_run WHERE due <= now() AND livemode = $2 FOR UPDATE SKIP LOCKED)
RETURNING id
"""  # noqa: S608 - built from our own words
SIGHT = "INSERT INTO reconciliation_sighting SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING"
FORGET = "DELETE FROM reconciliation_sighting WHERE run_id = $1"


@dataclass(frozen=True, slots=True)
class Window:
    """The creation times of a run: `from_moment` inclusive, `to_moment` exclusive."""

    from_moment: datetime
    to_moment: datetime

    @classmethod
    def latest(cls, *, now: datetime, span: timedelta = SPAN) -> "Window":
        """Return the window of this span that ends before the grace."""
        return cls(now - GRACE - span, now - GRACE)


def _silent(_: ReconciliationRun) -> None:
    return


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Runs reconciliations. `on_page` is called after each page."""

    provider: Provider
    endpoint: Endpoint
    lease_seconds: float = 60.0
    on_page: Callable[[ReconciliationRun], None] = field(default=_silent)

    async def run(self, window: Window, *, repair: bool) -> ReconciliationRun | None:
        """Reconcile a window; None when another process is running one.

        A run that a dead process left is finished first, and counts as this one if it covers the window. Raises
        ProviderFailure and DatabaseUnavailable; the run then waits for the process that leases it next.
        """
        left_over = await self.take_over()
        if left_over is not None:
            finished = await self.run_to_end(left_over)
            if finished is None or _covers(finished, window, repair=repair):
                return finished
        begun = await self.begin(window, repair=repair)
        return await self.run_to_end(begun) if begun is not None else None

    async def begin(self, window: Window, *, repair: bool) -> ReconciliationRun | None:
        """Begin a run and lease it; None when one is open."""
        row = ReconciliationRun(
            id=new_id(),
            livemode=self.endpoint.livemode,
            from_moment=window.from_moment,
            to_moment=window.to_moment,
            repair=repair,
            stage=FIRST_STAGE.value,
            due=await self._read_lease_end(),
        )

        async def insert_run() -> bool:
            await ReconciliationRun.bulk_create([row], ignore_conflicts=True)
            return await ReconciliationRun.filter(id=row.id).exists()

        return row if await run_in_transaction(insert_run) else None

    async def take_over(self) -> ReconciliationRun | None:
        """Lease the run whose lease has ended; None when there is none."""
        taken = await query_rows(TAKE_OVER, [self.lease_seconds, self.endpoint.livemode])
        return await ReconciliationRun.get(id=taken[0]["id"]) if taken else None

    async def run_to_end(self, run: ReconciliationRun) -> ReconciliationRun | None:
        """Run a leased run to its end; None when another process took it over."""
        try:
            while run.due is not None:
                stage = Stage(run.stage)
                async for page in self._walk(run, stage):
                    await self._save(run, stage, page)
                await self._advance(run, stage)
        except LeaseLost:
            log.warning("reconcile.fenced", run=str(run.id))
            return None
        money = await open_money_findings()
        report = log.error if money else log.info
        report("reconcile.finished", run=str(run.id), checked=run.checked, repaired=run.repaired, open_money=money)
        return run

    def _walk(self, run: ReconciliationRun, stage: Stage) -> AsyncIterator[Walked]:
        if stage is Stage.SETTLE:
            return self._resolve_open(run)
        return WALKS[stage](run, self.provider, self.endpoint)

    async def _resolve_open(self, run: ReconciliationRun) -> AsyncIterator[Walked]:
        """Compare every open discrepancy again: close it if it agrees by now, and repair it if the run may."""
        while True:
            found = Discrepancy.filter(state=DiscrepancyState.OPEN, livemode=run.livemode)
            if run.cursor is not None:
                found = found.filter(id__gt=run.cursor)
            row = await found.order_by("id").first()
            if row is None:
                return
            repaired = await resolve_by_run(row, provider=self.provider, run=run)
            yield Walked(cursor=str(row.id), repaired=int(repaired))

    async def _save(self, run: ReconciliationRun, stage: Stage, page: Walked) -> None:
        """Write a page's findings and the run's position, or nothing if the run was taken over."""
        checked, repaired = run.checked + page.checked, run.repaired + page.repaired
        due = await self._read_lease_end()
        found = [_row(run, finding) for finding in page.findings]

        async def save_page() -> None:
            changed = await ReconciliationRun.filter(id=run.id, attempt=run.attempt, due__isnull=False).update(
                stage=stage.value, cursor=page.cursor, checked=checked, repaired=repaired, due=due
            )
            if not changed:
                raise LeaseLost
            if page.seen:
                await query_rows(SIGHT, [run.id, list(page.seen)])
            fresh = await _drop_accepted(found)
            if fresh:
                await Discrepancy.bulk_create(fresh, ignore_conflicts=True)

        await run_in_transaction(save_page)
        run.stage, run.cursor, run.due = stage.value, page.cursor, due
        run.checked, run.repaired = checked, repaired
        self.on_page(run)

    async def _advance(self, run: ReconciliationRun, stage: Stage) -> None:
        """Begin the next stage, or finish."""
        following = NEXT_STAGE.get(stage)
        finished_at = await read_database_clock() if following is None else None
        due = await self._read_lease_end() if following is not None else None
        name = (following or stage).value

        async def move_on() -> None:
            current = await ReconciliationRun.get(id=run.id)
            if current.attempt != run.attempt or (current.due is None and following is not None):
                raise LeaseLost
            await ReconciliationRun.filter(id=run.id, attempt=run.attempt).update(
                stage=name, cursor=None, due=due, finished_at=finished_at
            )
            if following is None:
                await query_rows(FORGET, [run.id])

        await run_in_transaction(move_on)
        run.stage, run.cursor, run.due, run.finished_at = name, None, due, finished_at

    async def _read_lease_end(self) -> datetime:
        """Return the end of a lease that is taken or extended now."""
        return await read_database_clock() + timedelta(seconds=self.lease_seconds)


async def is_due(*, interval: timedelta, livemode: bool) -> bool:
    """Return True if the nightly run is due: none of the last interval covers that interval, or one was left over."""
    now = await read_database_clock()
    runs = ReconciliationRun.filter(livemode=livemode)
    if await runs.filter(due__lte=now).exists():
        return True
    recent = runs.filter(started_at__gt=now - interval, from_moment__lte=now - interval)
    return not await recent.filter(to_moment__gte=now - GRACE - interval).exists()


def nightly_window(*, interval: timedelta) -> Window:
    """Return the window of a run that repeats at this interval: it overlaps the one before by an hour."""
    overlap = SPAN - timedelta(days=1)
    return Window.latest(now=datetime.now(UTC), span=max(SPAN, interval + overlap))


async def open_money_findings() -> int:
    """Count the open discrepancies about money."""
    return await Discrepancy.filter(state=DiscrepancyState.OPEN, kind__in=list(MONEY_KINDS)).count()


def _row(run: ReconciliationRun, finding: Finding) -> Discrepancy:
    return Discrepancy(
        id=new_id(),
        run_id=run.id,
        payment_id=finding.payment_id,
        livemode=run.livemode,
        kind=finding.kind,
        subject=finding.subject,
        local=dict(finding.local),
        provider=dict(finding.provider),
    )


async def _drop_accepted(found: Sequence[Discrepancy]) -> list[Discrepancy]:
    """Leave out discrepancies that a person has accepted with these very figures."""
    if not found:
        return []
    accepted = await Discrepancy.filter(
        state=DiscrepancyState.ACCEPTED, subject__in=[row.subject for row in found], livemode=found[0].livemode
    )
    known = [(row.kind, row.subject, row.local, row.provider) for row in accepted]
    return [row for row in found if (row.kind, row.subject, row.local, row.provider) not in known]


def _covers(run: ReconciliationRun, window: Window, *, repair: bool) -> bool:
    in_time = run.from_moment <= window.from_moment and run.to_moment >= window.to_moment
    return in_time and (run.repair or not repair)
