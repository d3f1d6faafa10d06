"""`/readyz`: load balancers learn whether the process is ready, operators why it is not."""

import httpx
import pytest
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from server.app import create_app, with_middleware
from settings import Settings
from tests.api.reading.test_schema_document import PRODUCTION
from tests.support.shop import STAFF, Json, Shop, token

FAR_AWAY = ("203.0.113.7", 50_000)
HERE = ("127.0.0.1", 50_000)


async def asked(app: ASGIApp, peer: tuple[str, int], bearer: str | None = None) -> tuple[int, Json]:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
    transport = httpx.ASGITransport(app, client=peer)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        response = await http.get("/readyz", headers=headers)
    return response.status_code, response.json()


@pytest.mark.parametrize("bearer", [None, "nonsense", token("buyer", "payments:pay"), token("clerk", "payments:read")])
async def test_a_stranger_hears_whether_it_is_ready_and_no_figure(shop: Shop, bearer: str | None) -> None:
    assert await asked(shop.app, FAR_AWAY, bearer) == (200, {"status": "ready"})


async def test_who_looks_after_it_and_this_machine_itself_hear_why(shop: Shop) -> None:
    for status, body in (await asked(shop.app, FAR_AWAY, token("ops", STAFF)), await asked(shop.app, HERE)):
        assert status == 200
        assert set(body["checks"]) >= {"database", "migrations", "worker", "webhooks", "clock", "stripe", "plans"}


async def test_an_answer_that_its_plan_cannot_give_is_counted_and_logged(shop: Shop) -> None:
    payment_id = (await shop.paid())["id"]
    asked_for = "query Q($id: ID!) { payment(id: $id) { timeline(first: 0) { pageInfo { hasNextPage } } } }"

    with capture_logs() as logged:
        refused = await shop.staff.post(asked_for, {"id": payment_id})

    _, body = await asked(shop.app, FAR_AWAY, token("ops", STAFF))
    assert refused.json()["errors"]
    assert body["checks"]["plans"] == {"ok": True, "detail": {"fallbacks": 1, "unplanned": 0}}
    assert [line["error"] for line in logged if line["event"] == "graphql.plan_fell_back"] == ["domain.errors.Refused"]


async def test_in_production_this_machine_is_nobody_for_a_proxy_beside_us_forwards_anybody() -> None:
    settings = Settings(_env_file=None, **PRODUCTION)  # type: ignore[call-arg]  # pydantic-settings' own argument
    app = with_middleware(create_app(settings, run_worker=False), settings)  # without its lifespan: nothing is ready

    assert await asked(app, HERE) == (503, {"status": "not ready"})
    assert set((await asked(app, HERE, token("ops", "ops:read")))[1]) == {"status", "checks"}
