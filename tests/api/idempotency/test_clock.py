"""Scenario 30: a clock that is wrong is noticed before every webhook is refused."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from provider.connection.transport import LocalTransport
from tests.support.shop import Shop, open_shop, settings_for


class Elsewhere(httpx.AsyncBaseTransport):
    """The same Stripe, in another time."""

    def __init__(self, inner: httpx.AsyncBaseTransport, ahead: timedelta) -> None:
        self._inner = inner
        self._ahead = ahead

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        response.headers["Date"] = format_datetime(datetime.now(UTC) + self._ahead, usegmt=True)
        return response


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(minutes=-10)])
async def test_scenario_30_a_wrong_clock_makes_the_process_not_ready(
    database_url: str, tmp_path: Path, ahead: timedelta, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_shop(settings_for(database_url, tmp_path / "state")) as shop:
        carrier = shop.runtime.runner.provider._http
        assert isinstance(carrier, LocalTransport)
        carrier._client._transport = Elsewhere(shop.sandbox.transport(), ahead)

        before = await shop.http.get("/readyz")
        await shop.paid()
        await shop.paid()
        after = await shop.http.get("/readyz")

    assert before.status_code == 200
    assert after.status_code == 503
    assert after.json()["checks"]["clock"]["ok"] is False
    assert capsys.readouterr().out.count("clock.skew") == 1


async def test_a_clock_that_is_right_is_said_so(shop: Shop) -> None:
    await shop.paid()

    response = await shop.http.get("/readyz")

    assert response.status_code == 200
    assert abs(response.json()["checks"]["clock"]["detail"]["skewSeconds"]) < 5
