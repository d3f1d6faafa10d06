"""Is the process alive, and is it fit to take work?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.errors import describe_failure

log = structlog.stdlib.get_logger("server.health")

Probe = Callable[[], Awaitable[object]]
Endpoint = Callable[[Request], Awaitable[Response]]

PROBE_SECONDS: Final = 2.0  # A load balancer asks every few seconds; a slower answer is a failure.


async def healthz(request: Request) -> Response:
    """The process answers.

    Touches nothing else, so that a broken database never restarts healthy processes.
    """
    return JSONResponse({"status": "ok"})


def readyz(probes: Mapping[str, Probe], *, seconds: float = PROBE_SECONDS) -> Endpoint:
    """An endpoint that runs all probes at once, each within `seconds`: 200 when all pass, else 503.

    A probe passes by returning its detail (JSON-safe, shown to anyone who can reach the port) and fails by
    raising; of a failure only the fact is shown, its type goes to the log.
    """

    async def endpoint(request: Request) -> Response:
        results = await asyncio.gather(*(_run(name, probe, seconds) for name, probe in probes.items()))
        checks = dict(zip(probes, results, strict=True))
        ready = all(check["ok"] for check in results)
        body = {"status": "ready" if ready else "not ready", "checks": checks}
        return JSONResponse(body, status_code=200 if ready else 503)

    return endpoint


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
