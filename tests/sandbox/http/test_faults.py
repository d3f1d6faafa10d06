"""Each way to misbehave, and what of it was executed."""

import asyncio
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.desk import Desk

CONFIRM = "/v1/payment_intents/[^/]+/confirm"


async def _confirm(desk: Desk, intent: Any, key: str = "k1") -> httpx.Response:
    return await desk.http.post(f"/v1/payment_intents/{intent.id}/confirm", headers={"Idempotency-Key": key})


@pytest.mark.parametrize(
    ("kind", "error", "charges"),
    [
        ("drop_before", httpx.ReadError, 0),
        ("drop_after", httpx.ReadError, 1),
        ("timeout_before", httpx.ReadTimeout, 0),
        ("timeout_after", httpx.ReadTimeout, 1),
        ("refuse_connection", httpx.ConnectError, 0),
    ],
)
async def test_a_broken_connection_says_nothing_about_what_happened(
    desk: Desk, kind: str, error: type[Exception], charges: int
) -> None:
    intent = await desk.intent()
    desk.sandbox.fault(kind=kind, method="POST", path=CONFIRM)

    with pytest.raises(error):
        await _confirm(desk, intent)
    between = len(desk.sandbox.snapshot().charges)
    again = await _confirm(desk, intent)

    assert (between, len(desk.sandbox.snapshot().charges)) == (charges, 1)
    assert again.json()["status"] == "succeeded"
    assert again.headers.get("idempotent-replayed") == ("true" if charges else None)


@pytest.mark.parametrize(("kind", "charges"), [("error_500_before", 0), ("error_500_after", 1)])
async def test_a_500_sticks_to_its_key(desk: Desk, kind: str, charges: int) -> None:
    intent = await desk.intent()
    desk.sandbox.fault(kind=kind, path=CONFIRM)

    first, again = await _confirm(desk, intent), await _confirm(desk, intent)

    assert [(r.status_code, r.json()["error"]["type"]) for r in (first, again)] == [(500, "api_error")] * 2
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["stripe-should-retry"] == "false"
    assert len(desk.sandbox.snapshot().charges) == charges
    assert (await _confirm(desk, intent, "k2")).status_code == (400 if charges else 200)


@pytest.mark.parametrize(
    ("rule", "status", "code", "advice"),
    [
        ({"kind": "conflict_409"}, 409, "idempotency_key_in_use", "true"),
        ({"kind": "rate_limit_429"}, 429, "rate_limit", None),
        ({"kind": "rate_limit_429", "should_retry": True}, 429, "rate_limit", "true"),
        ({"kind": "rate_limit_429", "should_retry": False}, 429, "rate_limit", "false"),
        ({"kind": "lock_timeout_429"}, 429, "lock_timeout", "true"),
        ({"kind": "unauthorized_401"}, 401, None, None),
    ],
)
async def test_a_refusal_before_execution_leaves_the_key_free(
    desk: Desk, rule: dict[str, Any], status: int, code: str | None, advice: str | None
) -> None:
    intent = await desk.intent()
    desk.sandbox.fault(path=CONFIRM, **rule)

    refused = await _confirm(desk, intent)
    again = await _confirm(desk, intent)

    assert (refused.status_code, refused.json()["error"].get("code")) == (status, code)
    assert refused.headers.get("stripe-should-retry") == advice
    assert (again.status_code, again.headers.get("idempotent-replayed")) == (200, None)


async def test_a_cut_answer_is_no_answer(desk: Desk) -> None:
    intent = await desk.intent()
    desk.sandbox.fault(kind="broken_json", path=CONFIRM)

    with pytest.raises(stripe.APIError) as caught:
        await desk.v1.payment_intents.confirm_async(intent.id)

    assert caught.value.http_status == 200
    assert (await desk.again(intent)).status == "succeeded"


@pytest.mark.parametrize("rule", [{"kind": "slow", "seconds": 30}, {"kind": "trickle", "seconds": 0.04}])
async def test_a_slow_answer_outlasts_an_impatient_client(desk: Desk, rule: dict[str, Any]) -> None:
    intent = await desk.intent()
    desk.sandbox.fault(path=CONFIRM, **rule)

    with pytest.raises(httpx.ReadTimeout):
        await desk.http.post(f"/v1/payment_intents/{intent.id}/confirm", timeout=0.05)

    assert (await desk.again(intent)).status == "succeeded"


async def test_an_answer_that_trickles_is_whole_in_the_end(desk: Desk) -> None:
    intent = await desk.intent()
    desk.sandbox.fault(kind="trickle", path=CONFIRM)

    answer = await _confirm(desk, intent)

    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert int(answer.headers["content-length"]) == len(answer.content)


async def _until_fired(desk: Desk, number: int) -> None:
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in desk.sandbox.faults() if rule["id"] == number):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("kind", "charges"), [("hold_before", 0), ("hold_after", 1)])
async def test_a_held_request_goes_on_when_it_is_let_go(desk: Desk, kind: str, charges: int) -> None:
    intent = await desk.intent()
    number = desk.sandbox.fault(kind=kind, path=CONFIRM)

    calling = asyncio.create_task(_confirm(desk, intent))
    await _until_fired(desk, number)
    held = len(desk.sandbox.snapshot().charges)
    again = await _confirm(desk, intent)
    desk.sandbox.clear_faults(number)
    answer = await calling

    assert (held, len(desk.sandbox.snapshot().charges)) == (charges, 1)
    assert answer.json()["status"] == "succeeded"
    if charges:
        assert again.headers["idempotent-replayed"] == "true"
    else:
        assert (again.status_code, again.json()["error"]["code"]) == (409, "idempotency_key_in_use")


async def test_a_held_request_whose_client_goes_was_never_sent(desk: Desk) -> None:
    intent = await desk.intent()
    number = desk.sandbox.fault(kind="hold_before", path=CONFIRM)

    with pytest.raises(httpx.ReadTimeout):
        await desk.http.post(
            f"/v1/payment_intents/{intent.id}/confirm", headers={"Idempotency-Key": "k1"}, timeout=0.05
        )
    desk.sandbox.clear_faults(number)

    assert desk.sandbox.snapshot().charges == []
    assert (await _confirm(desk, intent)).json()["status"] == "succeeded"


async def test_a_rule_fires_at_the_nth_match_and_so_often(desk: Desk) -> None:
    desk.sandbox.fault(kind="rate_limit_429", match={"method": "GET", "prefix": "/v1/ev", "nth": 2}, times=2)

    statuses = [(await desk.http.get("/v1/events")).status_code for _ in range(5)]
    other = await desk.http.get("/v1/charges")

    assert statuses == [200, 429, 429, 200, 200]
    assert other.status_code == 200
    [rule] = desk.sandbox.faults()
    assert (rule["matched"], rule["fired"]) == (3, 2)


async def test_rules_are_set_over_http(desk: Desk) -> None:
    rules = [{"kind": "rate_limit_429", "match": {"path": "/v1/events"}}, {"kind": "drop_before"}]

    numbers = (await desk.lever("POST", "faults", rules))["ids"]
    await desk.lever("DELETE", f"faults/{numbers[1]}")
    limited = await desk.http.get("/v1/events")
    shown = await desk.lever("GET", "faults")
    await desk.lever("DELETE", "faults")

    assert limited.status_code == 429
    assert [(rule["kind"], rule["fired"]) for rule in shown] == [("rate_limit_429", 1)]
    assert await desk.lever("GET", "faults") == []


@pytest.mark.parametrize(
    "rule", [{"kind": "explode"}, {"kind": "slow", "colour": "red"}, {}, {"kind": "slow", "path": "("}]
)
async def test_a_rule_that_means_nothing_is_refused(desk: Desk, rule: dict[str, Any]) -> None:
    response = await desk.browser.post("/_sandbox/faults", json=rule)

    assert response.status_code == 400
    assert desk.sandbox.faults() == []


async def test_the_books_are_read_over_http(desk: Desk) -> None:
    paid = await desk.pay()

    books = await desk.lever("GET", "books")

    assert [intent["id"] for intent in books["payment_intents"]] == [paid.id]
    assert books["requests"][0]["path"] == "/v1/payment_intents"


@pytest.mark.parametrize(("client", "origin"), [(("192.0.2.7", 5), None), (("127.0.0.1", 5), "https://evil.test")])
async def test_the_levers_are_for_this_machine(desk: Desk, client: tuple[str, int], origin: str | None) -> None:
    transport = httpx.ASGITransport(desk.sandbox.asgi, client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as stranger:
        response = await stranger.get("/_sandbox/books", headers={"Origin": origin} if origin else {})

    assert response.status_code == 403
