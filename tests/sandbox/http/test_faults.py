"""Each fault, and the part of the request that was executed."""

import asyncio
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.stripe_account import StripeAccount

CONFIRM = "/v1/payment_intents/[^/]+/confirm"


async def _confirm(account: StripeAccount, intent: Any, key: str = "k1") -> httpx.Response:
    return await account.http.post(f"/v1/payment_intents/{intent.id}/confirm", headers={"Idempotency-Key": key})


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
    account: StripeAccount, kind: str, error: type[Exception], charges: int
) -> None:
    intent = await account.intent()
    account.sandbox.fault(kind=kind, method="POST", path=CONFIRM)

    with pytest.raises(error):
        await _confirm(account, intent)
    between = len(account.sandbox.snapshot().charges)
    again = await _confirm(account, intent)

    assert (between, len(account.sandbox.snapshot().charges)) == (charges, 1)
    assert again.json()["status"] == "succeeded"
    assert again.headers.get("idempotent-replayed") == ("true" if charges else None)


@pytest.mark.parametrize(("kind", "charges"), [("error_500_before", 0), ("error_500_after", 1)])
async def test_a_500_sticks_to_its_key(account: StripeAccount, kind: str, charges: int) -> None:
    intent = await account.intent()
    account.sandbox.fault(kind=kind, path=CONFIRM)

    first, again = await _confirm(account, intent), await _confirm(account, intent)

    assert [(r.status_code, r.json()["error"]["type"]) for r in (first, again)] == [(500, "api_error")] * 2
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["stripe-should-retry"] == "false"
    assert len(account.sandbox.snapshot().charges) == charges
    assert (await _confirm(account, intent, "k2")).status_code == (400 if charges else 200)


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
    account: StripeAccount, rule: dict[str, Any], status: int, code: str | None, advice: str | None
) -> None:
    intent = await account.intent()
    account.sandbox.fault(path=CONFIRM, **rule)

    refused = await _confirm(account, intent)
    again = await _confirm(account, intent)

    assert (refused.status_code, refused.json()["error"].get("code")) == (status, code)
    assert refused.headers.get("stripe-should-retry") == advice
    assert (again.status_code, again.headers.get("idempotent-replayed")) == (200, None)


async def test_a_cut_answer_is_no_answer(account: StripeAccount) -> None:
    intent = await account.intent()
    account.sandbox.fault(kind="broken_json", path=CONFIRM)

    with pytest.raises(stripe.APIError) as caught:
        await account.v1.payment_intents.confirm_async(intent.id)

    assert caught.value.http_status == 200
    assert (await account.again(intent)).status == "succeeded"


@pytest.mark.parametrize("rule", [{"kind": "slow", "seconds": 30}, {"kind": "trickle", "seconds": 0.04}])
async def test_a_slow_answer_outlasts_an_impatient_client(account: StripeAccount, rule: dict[str, Any]) -> None:
    intent = await account.intent()
    account.sandbox.fault(path=CONFIRM, **rule)

    with pytest.raises(httpx.ReadTimeout):
        await account.http.post(f"/v1/payment_intents/{intent.id}/confirm", timeout=0.05)

    assert (await account.again(intent)).status == "succeeded"


async def test_an_answer_that_trickles_is_whole_in_the_end(account: StripeAccount) -> None:
    intent = await account.intent()
    account.sandbox.fault(kind="trickle", path=CONFIRM)

    answer = await _confirm(account, intent)

    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert int(answer.headers["content-length"]) == len(answer.content)


async def _until_fired(account: StripeAccount, number: int) -> None:
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in account.sandbox.faults() if rule["id"] == number):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("kind", "charges"), [("hold_before", 0), ("hold_after", 1)])
async def test_a_held_request_goes_on_when_it_is_let_go(account: StripeAccount, kind: str, charges: int) -> None:
    intent = await account.intent()
    number = account.sandbox.fault(kind=kind, path=CONFIRM)

    calling = asyncio.create_task(_confirm(account, intent))
    await _until_fired(account, number)
    held = len(account.sandbox.snapshot().charges)
    again = await _confirm(account, intent)
    account.sandbox.clear_faults(number)
    answer = await calling

    assert (held, len(account.sandbox.snapshot().charges)) == (charges, 1)
    assert answer.json()["status"] == "succeeded"
    if charges:
        assert again.headers["idempotent-replayed"] == "true"
    else:
        assert (again.status_code, again.json()["error"]["code"]) == (409, "idempotency_key_in_use")


async def test_a_held_request_whose_client_goes_was_never_sent(account: StripeAccount) -> None:
    intent = await account.intent()
    number = account.sandbox.fault(kind="hold_before", path=CONFIRM)

    with pytest.raises(httpx.ReadTimeout):
        await account.http.post(
            f"/v1/payment_intents/{intent.id}/confirm", headers={"Idempotency-Key": "k1"}, timeout=0.05
        )
    account.sandbox.clear_faults(number)

    assert account.sandbox.snapshot().charges == []
    assert (await _confirm(account, intent)).json()["status"] == "succeeded"


async def test_a_rule_fires_at_the_nth_match_and_so_often(account: StripeAccount) -> None:
    account.sandbox.fault(kind="rate_limit_429", match={"method": "GET", "prefix": "/v1/ev", "nth": 2}, times=2)

    statuses = [(await account.http.get("/v1/events")).status_code for _ in range(5)]
    other = await account.http.get("/v1/charges")

    assert statuses == [200, 429, 429, 200, 200]
    assert other.status_code == 200
    [rule] = account.sandbox.faults()
    assert (rule["matched"], rule["fired"]) == (3, 2)


async def test_rules_are_set_over_http(account: StripeAccount) -> None:
    rules = [{"kind": "rate_limit_429", "match": {"path": "/v1/events"}}, {"kind": "drop_before"}]

    numbers = (await account.lever("POST", "faults", rules))["ids"]
    await account.lever("DELETE", f"faults/{numbers[1]}")
    limited = await account.http.get("/v1/events")
    shown = await account.lever("GET", "faults")
    await account.lever("DELETE", "faults")

    assert limited.status_code == 429
    assert [(rule["kind"], rule["fired"]) for rule in shown] == [("rate_limit_429", 1)]
    assert await account.lever("GET", "faults") == []


@pytest.mark.parametrize(
    "rule", [{"kind": "explode"}, {"kind": "slow", "colour": "red"}, {}, {"kind": "slow", "path": "("}]
)
async def test_a_rule_that_means_nothing_is_refused(account: StripeAccount, rule: dict[str, Any]) -> None:
    response = await account.browser.post("/_sandbox/faults", json=rule)

    assert response.status_code == 400
    assert account.sandbox.faults() == []


async def test_the_books_are_read_over_http(account: StripeAccount) -> None:
    paid = await account.pay()

    books = await account.lever("GET", "books")

    assert [intent["id"] for intent in books["payment_intents"]] == [paid.id]
    assert books["requests"][0]["path"] == "/v1/payment_intents"


@pytest.mark.parametrize(("client", "origin"), [(("192.0.2.7", 5), None), (("127.0.0.1", 5), "https://evil.test")])
async def test_the_levers_are_for_this_machine(
    account: StripeAccount, client: tuple[str, int], origin: str | None
) -> None:
    transport = httpx.ASGITransport(account.sandbox.asgi, client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as stranger:
        response = await stranger.get("/_sandbox/books", headers={"Origin": origin} if origin else {})

    assert response.status_code == 403
