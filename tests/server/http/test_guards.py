"""The middleware around every route, and the two probes of a load balancer."""

import asyncio
from collections.abc import Mapping

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from server.http.cross_origin import AllowedOrigins
from server.http.health import Probe, Readiness, answer_liveness
from server.http.middleware import add_middleware, answer_crash
from tests.server.conftest import Logs
from tests.server.shop import CLIENT_SECRET, call, post_scope

ORIGIN = "https://shop.example"


async def crash(request: Request) -> Response:
    raise RuntimeError(CLIENT_SECRET)


async def count(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


async def page(request: Request) -> Response:
    return PlainTextResponse(
        "page", headers={"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=1"}
    )


async def passes() -> str:
    return "fine"


async def fails() -> None:
    raise RuntimeError(CLIENT_SECRET)


async def hangs() -> None:
    await asyncio.Event().wait()


async def everybody(request: Request) -> bool:
    return True


def ready(probes: Mapping[str, Probe], seconds: float = 5.0) -> Readiness:
    return Readiness(probes, may_see=everybody, seconds=seconds)


def client(*routes: Route, https_only: bool = False, max_body_bytes: int = 100) -> httpx.AsyncClient:
    app = add_middleware(
        Starlette(routes=list(routes), exception_handlers={Exception: answer_crash}),
        allowed_origins=AllowedOrigins([ORIGIN]),
        https_only=https_only,
        max_body_bytes=max_body_bytes,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop")


async def test_every_answer_carries_security_headers_unless_the_route_says_otherwise() -> None:
    async with client(Route("/healthz", answer_liveness), Route("/page", page), https_only=True) as origin:
        plain = await origin.get("/healthz")
        own = await origin.get("/page")
        absent = await origin.get("/nowhere")

    for response in (plain, own, absent):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["strict-transport-security"].startswith("max-age=")
        assert response.headers["x-request-id"].startswith("req_")
    assert plain.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert plain.headers["cache-control"] == "no-store"
    assert own.headers["content-security-policy"] == "default-src 'self'"
    assert own.headers["cache-control"] == "max-age=1"


async def test_a_crash_is_a_masked_500_with_its_request_id(logs: Logs) -> None:
    async with client(Route("/crash", crash)) as origin:
        response = await origin.get("/crash")

    assert response.status_code == 500
    assert response.json()["errors"][0]["message"] == "Something went wrong on our side."
    assert response.json()["errors"][0]["extensions"]["requestId"] == response.headers["x-request-id"]
    assert len(logs.named("http.crashed")) == 1
    assert logs.named("http.request")[0]["status"] == 500
    assert CLIENT_SECRET not in response.text + logs.text


async def test_a_crash_outside_any_framework_is_masked_too(logs: Logs) -> None:
    async def application(scope: object, receive: object, send: object) -> None:
        raise RuntimeError(CLIENT_SECRET)

    app = add_middleware(application, allowed_origins=AllowedOrigins([]), https_only=False, max_body_bytes=1)

    sent = await call(app, post_scope(), [])

    assert sent[0]["status"] == 500
    assert CLIENT_SECRET.encode() not in sent[1]["body"]
    assert len(logs.named("http.crashed")) == 1


async def test_no_route_receives_more_than_the_cap() -> None:
    async def chunks() -> object:
        for _ in range(1000):
            yield b"x" * 10

    async with client(Route("/count", count, methods=["POST"])) as origin:
        fits = await origin.post("/count", content=b"x" * 100)
        large = await origin.post("/count", content=b"x" * 101)
        endless = await origin.post("/count", content=chunks())  # type: ignore[arg-type]  # it iterates

    assert fits.json() == {"bytes": 100}
    assert large.status_code == endless.status_code == 413


async def test_a_body_cap_that_bites_late_does_not_break_an_answer_already_begun() -> None:
    async def begin_then_read(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        await receive()  # type: ignore[operator]

    app = add_middleware(begin_then_read, allowed_origins=AllowedOrigins([]), https_only=False, max_body_bytes=1)

    sent = await call(app, post_scope(), [{"type": "http.request", "body": b"xx"}])

    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_healthz_asks_nothing_but_the_process() -> None:
    async with client(Route("/healthz", answer_liveness)) as origin:
        response = await origin.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_readyz_is_200_when_every_probe_passes() -> None:
    async with client(Route("/readyz", ready({"database": passes, "migrations": passes}).answer)) as origin:
        response = await origin.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "checks": {"database": {"ok": True, "detail": "fine"}, "migrations": {"ok": True, "detail": "fine"}},
    }


async def test_readyz_is_503_when_a_probe_fails_or_hangs_and_says_which(logs: Logs) -> None:
    probes = {"database": passes, "worker": fails, "lag": hangs}
    async with client(Route("/readyz", ready(probes, seconds=0.01).answer)) as origin:
        response = await origin.get("/readyz")

    assert response.status_code == 503
    assert response.json()["status"] == "not ready"
    assert response.json()["checks"] == {
        "database": {"ok": True, "detail": "fine"},
        "worker": {"ok": False, "detail": "failed"},
        "lag": {"ok": False, "detail": "no answer within 0.01 s"},
    }
    assert {entry["probe"] for entry in logs.named("health.probe_failed")} == {"worker", "lag"}
    assert CLIENT_SECRET not in response.text + logs.text


async def test_however_many_ask_whether_it_is_ready_the_probes_run_once() -> None:
    ran, gate = 0, asyncio.Event()

    async def counted() -> None:
        nonlocal ran
        ran += 1
        await gate.wait()

    readiness = ready({"database": counted})
    async with client(Route("/readyz", readiness.answer)) as origin:
        together = [asyncio.create_task(origin.get("/readyz")) for _ in range(50)]
        async with asyncio.timeout(5):
            while not ran:
                await asyncio.sleep(0)
        together[0].cancel()  # the request that started the run is cancelled
        gate.set()
        answers = await asyncio.gather(*together[1:])
        later = await origin.get("/readyz")
        at_once = ran
        readiness.fresh_seconds = 0.0
        after = await origin.get("/readyz")

    assert {answer.status_code for answer in (*answers, later, after)} == {200}
    assert (at_once, ran) == (1, 2)


async def test_strangers_are_told_ready_or_not_and_no_figures() -> None:
    async def nobody(request: Request) -> bool:
        return False

    async with client(Route("/readyz", Readiness({"worker": fails}, may_see=nobody).answer)) as origin:
        response = await origin.get("/readyz")

    assert (response.status_code, response.json()) == (503, {"status": "not ready"})
