"""Kills at an exact moment: before the n-th statement, or inside a call of Stripe; and a fresh state for the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from database.connection import parse_url
from database.embedded import EmbeddedPostgres
from tests.conftest import TEMPLATE
from tests.crash.processes.cluster import Application, Cluster


@asynccontextmanager
async def fresh(cluster: Cluster, postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Make a new database and an empty Stripe for the next kill; the processes stay warm."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(**parse_url(postgres.url("postgres")))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY file_copy')
        cluster.database = name
        cluster.sandbox.forget()
        yield postgres.url(name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


async def kill_at(cluster: Cluster, application: Application, step: int, call: Any, *, after: bool = False) -> bool:
    """Kill the application before or after its step-th statement of a call; False if the call has fewer."""
    cluster.proxy.stops_after = after
    cluster.proxy.steps, cluster.proxy.stop_at, cluster.proxy.on_stop = 0, step, application.kill
    cluster.proxy.stopped.clear()
    cluster.proxy.armed = True
    calling = asyncio.create_task(call)
    done, _ = await asyncio.wait(
        {calling, asyncio.create_task(cluster.proxy.stopped.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    cluster.proxy.armed, cluster.proxy.stop_at = False, None
    if cluster.proxy.stopped.is_set():
        await asyncio.gather(calling, return_exceptions=True)
        await application.gone()
        return True
    assert calling in done
    return False


async def kill_in_call(
    cluster: Cluster, application: Application, moment: str, path: str, call: Any, *, method: str = "POST"
) -> None:
    """Let the call reach Stripe, hold its answer, kill the application, and let go."""
    number = cluster.sandbox.fault(kind=moment, method=method, path=path)
    calling = asyncio.create_task(call)
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in cluster.sandbox.faults() if rule["id"] == number):
            await asyncio.sleep(0.005)
    application.kill()
    with pytest.raises(httpx.TransportError):
        await calling
    await application.gone()
    cluster.sandbox.clear_faults()
