"""A hundred thousand payments and twelve faults: exactly the twelve are found, in constant memory."""

import re
import time
from pathlib import Path

from sandbox.store import Store
from server.offline_stripe import FILE
from tests.reconcile.commands import Command, served_stripe, today
from tests.reconcile.population import populate
from tests.reconcile.seeded_faults import FAULTS, TWELVE, seed_faults

FEW, MANY = 10_000, 100_000
GROWTH = 1.15  # ten times the payments; a run holds one page, whatever their number
LINE = re.compile(r"^  (\w+) +(\S+) ", re.MULTILINE)


async def test_faults_among_a_hundred_thousand_payments_are_found_and_nothing_else(
    database_url: str, tmp_path: Path
) -> None:
    """The twelve promised kinds, and one of each other kind."""
    store = Store(tmp_path / FILE)
    population = await populate(FEW, database_url, store)
    async with served_stripe(tmp_path) as port:
        started = time.monotonic()
        few = await Command.start(database_url, port, since=today()).ended()
        _say(FEW, started, few.peak_kib)
        population += await populate(MANY - FEW, database_url, store, first=FEW)
        planted = await seed_faults(population, database_url, store, *FAULTS)
        store.close()

        started = time.monotonic()
        many = await Command.start(database_url, port, since=today()).ended()
        _say(MANY, started, many.peak_kib)

    assert (few.code, LINE.findall(few.out)) == (0, []), few.out
    assert len(TWELVE) == 12
    assert {kind.value for kind in TWELVE} < {kind for kind, _ in planted}
    assert (many.code, sorted(LINE.findall(many.out))) == (1, planted)
    assert many.peak_kib < few.peak_kib * GROWTH


def _say(count: int, started: float, peak_kib: int) -> None:
    print(f"\n{count} payments: {time.monotonic() - started:.1f} s, peak {peak_kib / 1024:.1f} MiB")
