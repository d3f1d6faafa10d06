"""The command `reconcile`: compare a window with Stripe, and print the open findings."""

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

from database.transactions import DatabaseUnavailable
from domain.states import MONEY_KINDS, DiscrepancyKind, DiscrepancyState
from models import Discrepancy, ReconciliationRun
from provider import ProviderFailure
from provider.ids import is_id
from server.offline_stripe import offline_stripe
from server.runtime import open_runtime
from services.reconciliation.runs import SPAN, Reconciler, Window
from services.reconciliation.stages import Stage
from settings import Settings

SHOWN = 100  # findings printed; the database has all of them
LOST, FOUND, FINE = 2, 1, 0


async def reconcile_once(settings: Settings, *, start: datetime | None, end: datetime | None, repair: bool) -> int:
    """Open the application, reconcile a window, print the open findings; returns the exit code."""
    sandbox = offline_stripe(settings, webhook_url=None)
    async with open_runtime(settings, sandbox=sandbox) as runtime:
        reconciler = Reconciler(runtime.runner.provider, runtime.endpoint, settings.lease_seconds)
        return await reconcile_and_report(reconciler, start=start, end=end, repair=repair)


async def reconcile_and_report(
    reconciler: Reconciler, *, start: datetime | None, end: datetime | None, repair: bool
) -> int:
    """Reconcile and print; returns 1 when findings about money are open, 2 when it could not be done now."""
    latest = Window.latest(now=datetime.now(UTC))
    until = end or latest.to_moment
    window = Window(start or until - SPAN, until)
    if window.from_moment >= window.to_moment:
        print("--from must be before --to.", file=sys.stderr)
        return LOST
    progress = Progress()
    try:
        run = await replace(reconciler, on_page=progress.show).run(window, repair=repair)
    except (ProviderFailure, DatabaseUnavailable) as failure:
        progress.end()
        who = "Stripe" if isinstance(failure, ProviderFailure) else "The database"
        again = "Run it again in a minute: it goes on where it stopped."
        print(f"{who} cannot be asked now ({failure}). {again}", file=sys.stderr)
        return LOST
    progress.end()
    if run is None:
        print("Another process is reconciling. Its findings will be in `discrepancies`.", file=sys.stderr)
        return LOST
    print(f"{run.from_moment:%Y-%m-%d %H:%M} to {run.to_moment:%Y-%m-%d %H:%M} UTC: {run.checked} things compared,")
    still_open = Discrepancy.filter(state=DiscrepancyState.OPEN, livemode=run.livemode)
    count = await still_open.count()
    print(f"{run.repaired} repaired, {count} open.")
    for row in await still_open.order_by("-detected_at", "-id").limit(SHOWN):
        print(f"  {row.kind.value:<22} {row.subject}  here {_figures(row.local)}  Stripe {_figures(row.provider)}")
        if row.kind is DiscrepancyKind.MISSING_LOCALLY and is_id(row.subject, "payment_intents"):
            print(f"  {'':<22} if it was made here and lost: python -m cli adopt {row.subject}")
    return FOUND if await still_open.filter(kind__in=list(MONEY_KINDS)).exists() else FINE


class Progress:
    """A progress bar of the stages, with the number compared and the rate. Stripe does not tell the total.

    Rewritten on a terminal; a line for each stage elsewhere.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._first: int | None = None
        self._stage = ""
        self._on_terminal = sys.stderr.isatty()

    def show(self, run: ReconciliationRun) -> None:
        """Show the progress of the run. The rate excludes what an earlier process has compared."""
        if self._first is None:
            self._first = run.checked if run.attempt > 1 else 0
        if self._on_terminal:
            print(f"\r\033[K{self._line(run)}", end="", file=sys.stderr, flush=True)
        elif run.stage != self._stage:
            print(self._line(run), file=sys.stderr, flush=True)
        self._stage = run.stage

    def end(self) -> None:
        """End the progress line."""
        if self._on_terminal and self._stage:
            print(file=sys.stderr)

    def _line(self, run: ReconciliationRun) -> str:
        place, stages = list(Stage).index(Stage(run.stage)) + 1, len(Stage)
        rate = (run.checked - (self._first or 0)) / max(time.monotonic() - self._started, 0.001)
        bar = "#" * place + "." * (stages - place)
        counts = f"{run.checked:,} compared, {rate:,.0f}/s, {run.repaired:,} repaired"
        return f"[{bar}] {place}/{stages} {run.stage.lower().replace('_', ' ')}: {counts}"


def _figures(side: dict[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in side.items() if value is not None) or "nothing"
