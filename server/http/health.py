"""Liveness and readiness probes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.http.errors import describe_failure

log = structlog.stdlib.get_logger("server.health")

Probe = Callable[[], Awaitable[object]]
Checks = dict[str, dict[str, object]]
MaySee = Callable[[Request], Awaitable[bool]]

PROBE_SECONDS: Final = 2.0  # A load balancer probes every few seconds; a slower answer counts as a failure.
FRESH_SECONDS: Final = 1.0


async def answer_liveness(request: Request) -> Response:
    """Answer that the process is alive.

    Checks nothing else, so that an unreachable database never restarts healthy processes.
    """
    return JSONResponse({"status": "ok"})


class Readiness:
    """The readiness probe: 200 when all checks pass, else 503.

    A check passes by returning its detail (JSON-safe) and fails by raising, or by taking longer than `seconds`. A
    failure is shown without its type, which is logged. All checks run at once, and all requests within `fresh_seconds`
    share one run: frequent probing costs nothing. Details are shown only to clients that `may_see` them.
    """

    def __init__(self, probes: Mapping[str, Probe], *, may_see: MaySee, seconds: float = PROBE_SECONDS) -> None:
        self.fresh_seconds = FRESH_SECONDS
        self._probes = probes
        self._may_see = may_see
        self._seconds = seconds
        self._running: asyncio.Task[Checks] | None = None
        self._began = 0.0

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        checks = await self._get_checks()
        ready = all(check["ok"] for check in checks.values())
        body: dict[str, object] = {"status": "ready" if ready else "not ready"}
        if await self._may_see(request):
            body["checks"] = checks
        return JSONResponse(body, status_code=200 if ready else 503)

    async def _get_checks(self) -> Checks:
        """Return the results of the current run, or of the last one while they are fresh."""
        now = asyncio.get_running_loop().time()
        running = self._running
        if running is None or (running.done() and now >= self._began + self.fresh_seconds):
            self._began = now
            self._running = running = asyncio.create_task(self._run_checks())
        return await asyncio.shield(running)  # the request that started the run may be cancelled

    async def _run_checks(self) -> Checks:
        results = await asyncio.gather(*(_run(name, probe, self._seconds) for name, probe in self._probes.items()))
        return dict(zip(self._probes, results, strict=True))


async def _run(name: str, probe: Probe, seconds: float) -> dict[str, object]:
    try:
        async with asyncio.timeout(seconds):
            detail = await probe()
    except TimeoutError:
        log.warning("health.probe_failed", probe=name, cause="timeout", seconds=seconds)
        return {"ok": False, "detail": f"no answer within {seconds:g} s"}
    except Exception as error:  # noqa: BLE001 - any exception of a check means "not ready"
        log.warning("health.probe_failed", probe=name, failure=describe_failure(error))
        return {"ok": False, "detail": "failed"}
    return {"ok": True} if detail is None else {"ok": True, "detail": detail}
