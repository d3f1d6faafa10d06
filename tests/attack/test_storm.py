"""Seeded storms: real processes, several clients, every fault, kills and lost webhooks at random. Then: the invariants.

`SEEDS=20` runs that many seeds, `FIRST_SEED` says where to begin; a seed fixes the attempts, not the winners of each
race.
"""

import os

import pytest

from tests.attack.invariants import no_more_is_asked_for_than_an_order_costs, violations
from tests.attack.storm import Storm
from tests.attack.world import look, until_idle
from tests.crash.processes.cluster import Cluster

FIRST = int(os.environ.get("FIRST_SEED", "1"))
SHORT, LONG = 6.0, 20.0  # seconds of storm


@pytest.mark.short
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_short_storm(cluster: Cluster, database_url: str, seed: int) -> None:
    await _weather(cluster, database_url, seed, seconds=SHORT)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + int(os.environ.get("SEEDS", "20"))))
async def test_a_storm(cluster: Cluster, database_url: str, seed: int) -> None:
    await _weather(cluster, database_url, 1_000 + seed, seconds=LONG)


async def _weather(cluster: Cluster, database_url: str, seed: int, *, seconds: float) -> None:
    storm = Storm(cluster, seed)
    await storm.rage(seconds)

    async with storm.calm() as application:
        await storm.finish(application)
        idle = await until_idle(database_url)
        world = await look(cluster, application, storm.memory, database_url)

    print(storm.story(), f"{len(world.payments)} payments, {len(world.answers)} answers")
    assert violations(world) + no_more_is_asked_for_than_an_order_costs(world) == [], storm.story()
    assert idle, storm.story()
    assert world.payments, "a storm in which nothing was bought proves nothing"
