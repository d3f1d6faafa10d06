"""Is the process alive, and is it fit to take work?"""

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

PROBE_SECONDS: Final = 2.0  # A load balancer asks every few seconds; a slower answer is a failure.
FRESH_SECONDS: Final = 1.0


async def healthz(request: Request) -> Response:
    """The process answers.

    Touches nothing else, so that a broken database never restarts healthy processes.
    """
    return JSONResponse({"status": "ok"})


class Readiness:
    """Answers whether the process is fit to take work: 200 when all probes pass, else 503.

    A probe passes by returning its detail (JSON-safe) and fails by raising, or by taking longer than `seconds`; of a
    failure only the fact is shown, its type goes to the log. All probes run at once, and all who ask within
    `fresh_seconds` hear of the same run: asking often costs nothing. Details are shown to those who `may_see` them,
    and to nobody else.
    """

    def __init__(self, probes: Mapping[str, Probe], *, may_see: MaySee, seconds: float = PROBE_SECONDS) -> None:
        self.fresh_seconds = FRESH_SECONDS
        self._probes = probes
        self._may_see = may_see
        self._seconds = seconds
        self._looking: asyncio.Task[Checks] | None = None
        self._began = 0.0

    async def answer(self, request: Request) -> Response:
        """The answer to one request."""
        checks = await self._checks()
        ready = all(check["ok"] for check in checks.values())
        body: dict[str, object] = {"status": "ready" if ready else "not ready"}
        if await self._may_see(request):
            body["checks"] = checks
        return JSONResponse(body, status_code=200 if ready else 503)

    async def _checks(self) -> Checks:
        """What the run under way finds, or the last one while it is fresh."""
        now = asyncio.get_running_loop().time()
        looking = self._looking
        if looking is None or (looking.done() and now >= self._began + self.fresh_seconds):
            self._began = now
            self._looking = looking = asyncio.create_task(self._look())
        return await asyncio.shield(looking)  # whoever began it may leave

    async def _look(self) -> Checks:
        results = await asyncio.gather(*(_run(name, probe, self._seconds) for name, probe in self._probes.items()))
        return dict(zip(self._probes, results, strict=True))


async def _run(name: str, probe: Probe, seconds: float) -> dict[str, object]:
    try:
        async with asyncio.timeout(seconds):
            detail = await probe()
    except TimeoutError:
        log.warning("health.probe_failed", probe=name, cause="timeout", seconds=seconds)
        return {"ok": False, "detail": f"no answer within {seconds:g} s"}
    except Exception as error:  # noqa: BLE001 - whatever a probe raises means "not ready"
        log.warning("health.probe_failed", probe=name, failure=describe_failure(error))
        return {"ok": False, "detail": "failed"}
    return {"ok": True} if detail is None else {"ok": True, "detail": detail}
