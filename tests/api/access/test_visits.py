"""People with a browser at addresses for programs, and pages that do not exist."""

import pytest

from tests.support.shop import Shop, key

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def test_a_browser_at_graphql_is_led_to_the_explorer(shop: Shop) -> None:
    page = await shop.http.get("/graphql", headers={"Accept": BROWSER})
    asked = await shop.http.get("/graphql", headers={"Accept": BROWSER}, params={"query": "{ __typename }"})
    program = await shop.http.get("/graphql", headers={"Accept": "application/json"})

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<a href="/explorer">' in page.text
    assert "script-src 'none'" in page.headers["content-security-policy"]
    assert asked.json() == {"data": {"__typename": "Query"}}
    assert program.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("POST", "/graphql/v2", 404, "NOT_FOUND"),
        ("GET", "/assets/nothing.js", 404, "NOT_FOUND"),
        ("GET", "/webhooks/stripe", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/healthz", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_a_page_that_is_not_there_is_answered_as_every_error_is(
    shop: Shop, method: str, path: str, status: int, reason: str
) -> None:
    response = await shop.http.request(method, path)

    [error] = response.json()["errors"]
    extensions = {"code": "BAD_REQUEST", "reason": reason, "requestId": response.headers["x-request-id"]}
    assert response.status_code == status
    assert error["extensions"] == extensions
    assert "detail" not in response.json()


async def test_an_order_that_is_paid_comes_with_its_refusal_to_who_may_see_it(shop: Shop) -> None:
    order_id = await shop.order()
    await shop.pay(order_id)
    mutation = """mutation Again($input: CreatePaymentInput!, $key: IdempotencyKey!) {
      createPayment(input: $input, idempotencyKey: $key) {
        errors { code ... on OrderAlreadyPaidError { order { id paymentStatus payments { nodes { status } } } } } } }"""
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}

    payload = (await shop.buyer.ask(mutation, input=given, key=key()))["createPayment"]
    strangers = (await shop.stranger.ask(mutation, input=given, key=key()))["createPayment"]

    order = {"id": order_id, "paymentStatus": "PAID", "payments": {"nodes": [{"status": "SUCCEEDED"}]}}
    assert payload["errors"] == [{"code": "ORDER_ALREADY_PAID", "order": order}]
    assert strangers["errors"] == [{"code": "NOT_FOUND"}]
