"""The server decides the amount (scenarios 35, 36, 42 to 45, 47)."""

import httpx
import pytest

from models import Operation, Order, Payment
from tests.support.shop import Json, Shop, key


async def _register(shop: Shop, amount: object, currency: str, **more: object) -> Json:
    response = await shop.staff.post(
        """mutation R($input: RegisterOrderInput!, $key: IdempotencyKey!) {
          registerOrder(input: $input, idempotencyKey: $key) {
            errors { code message path } order { id total { amount currency decimal exponent } } } }""",
        {"input": {"externalId": key(), "total": {"amount": amount, "currency": currency}, **more}, "key": key()},
    )
    answer: Json = response.json()
    return answer


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "USD", "AMOUNT_TOO_SMALL"),
        (0, "USD", "VALIDATION_FAILED"),
        (-100, "USD", "VALIDATION_FAILED"),
        (100_000_000, "USD", "AMOUNT_TOO_LARGE"),
        (3_000_000_000, "USD", "AMOUNT_TOO_LARGE"),
        (105_050, "ISK", "VALIDATION_FAILED"),
        (100_000, "UGX", "CURRENCY_NOT_ENABLED"),
        (1_001, "KWD", "CURRENCY_NOT_ENABLED"),
        (100, "HUF", "AMOUNT_TOO_SMALL"),
    ],
)
async def test_scenario_42_amounts_that_stripe_would_not_charge(
    shop: Shop, amount: int, currency: str, code: str
) -> None:
    answer = await _register(shop, amount, currency)

    payload = answer["data"]["registerOrder"]
    assert [e["code"] for e in payload["errors"]] == [code]
    assert payload["errors"][0]["path"][:2] == ["input", "total"]
    assert await Order.all().count() == 0
    assert await Operation.all().count() == 0


@pytest.mark.parametrize(
    ("amount", "currency", "decimal", "exponent"),
    [
        (1_000, "JPY", "1000", 0),
        (105_000, "ISK", "1050.00", 2),
        (17_501, "HUF", "175.01", 2),
        (1_050, "TWD", "10.50", 2),
    ],
)
async def test_scenario_42_minor_units_are_stripes(
    shop: Shop, amount: int, currency: str, decimal: str, exponent: int
) -> None:
    answer = await _register(shop, amount, currency)

    total = answer["data"]["registerOrder"]["order"]["total"]
    assert total == {"amount": amount, "currency": currency, "decimal": decimal, "exponent": exponent}


@pytest.mark.parametrize("amount", ["10.00", 10.5, True, None, "1e3", 2**53, -(2**53), [], {}])
async def test_scenario_43_only_exact_integers_are_amounts(shop: Shop, amount: object) -> None:
    answer = await _register(shop, amount, "USD")

    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert await Order.all().count() == 0


async def test_scenario_43_an_exponent_in_the_raw_json_is_no_integer(shop: Shop) -> None:
    body = (
        b'{"query": "mutation R($input: RegisterOrderInput!) { registerOrder(input: $input, idempotencyKey: \\"k\\")'
        b' { errors { code } } }", "variables": {"input": {"externalId": "x", "total":'
        b' {"amount": 1e3, "currency": "USD"}}}}'
    )
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {shop.staff.token}"}

    response = await shop.http.post("/graphql", content=body, headers=headers)

    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert await Order.all().count() == 0


async def test_scenario_44_a_lowered_amount_is_a_mismatch_and_nothing_is_called(shop: Shop) -> None:
    order_id = await shop.order(10_000)

    payload = await shop.pay(order_id, amount=100)

    [error] = payload["errors"]
    assert error["__typename"] == "AmountMismatchError"
    assert error["expected"] == {"amount": 100, "currency": "USD"}
    assert error["actual"] == {"amount": 10_000, "currency": "USD"}
    assert shop.sandbox.snapshot().requests == []
    assert await Payment.all().count() == 0


async def test_another_currency_is_a_mismatch(shop: Shop) -> None:
    order_id = await shop.order(10_000)

    payload = await shop.pay(order_id, expectedAmount={"amount": 10_000, "currency": "EUR"})

    assert [e["code"] for e in payload["errors"]] == ["CURRENCY_MISMATCH"]
    assert shop.sandbox.snapshot().requests == []


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (0, "USD", "VALIDATION_FAILED"),
        (-1, "USD", "VALIDATION_FAILED"),
        (10_001, "USD", "AMOUNT_EXCEEDS_REFUNDABLE"),
        (1_000, "EUR", "CURRENCY_MISMATCH"),
    ],
)
async def test_scenario_35_refund_amounts(shop: Shop, amount: int, currency: str, code: str) -> None:
    payment = await shop.paid()
    calls = len(shop.sandbox.snapshot().requests)

    payload = await shop.staff.do(
        "refundPayment",
        input={"paymentId": payment["id"], "amount": {"amount": amount, "currency": currency}, "reason": "OTHER"},
        key=key(),
    )

    assert [e["code"] for e in payload["errors"]] == [code]
    assert payload["refund"] is None
    assert len(shop.sandbox.snapshot().requests) == calls


async def test_scenario_35_null_means_all_that_remains_and_replays_as_given(shop: Shop) -> None:
    payment, one_key = await shop.paid(), key()
    await shop.refund(payment["id"], 3_000)

    rest = await shop.refund(payment["id"], with_key=one_key)
    again = await shop.refund(payment["id"], with_key=one_key)
    spelled = await shop.refund(payment["id"], 7_000, with_key=one_key)

    assert rest["refund"]["amount"] == {"amount": 7_000, "currency": "USD"}
    assert again["replayed"] is True
    assert again["refund"]["id"] == rest["refund"]["id"]
    assert [e["code"] for e in spelled["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]


@pytest.mark.parametrize(
    "bad", ["left\u202eright", "\u200frtl", "nul\x00", "bell\x07", "\ud83d", " padded ", "x" * 256, ""]
)
async def test_scenario_45_text_that_cannot_be_kept_is_refused(shop: Shop, bad: str) -> None:
    import json

    query = """mutation R($input: RegisterOrderInput!, $key: IdempotencyKey!) {
      registerOrder(input: $input, idempotencyKey: $key) { errors { code path } order { id } } }"""
    given = {"externalId": bad, "total": {"amount": 1000, "currency": "USD"}}
    body = json.dumps({"query": query, "variables": {"input": given, "key": key()}}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {shop.staff.token}"}

    response = await shop.http.post("/graphql", content=body, headers=headers)

    answer = response.json()
    payload = (answer.get("data") or {}).get("registerOrder") or {}
    assert response.status_code < 500
    assert answer.get("errors") or payload["errors"][0]["path"] == ["input", "externalId"], answer
    assert await Order.all().count() == 0


async def test_scenario_45_one_name_in_two_unicode_forms_is_one_order(shop: Shop) -> None:
    def register(name: str) -> object:
        given = {"externalId": name, "total": {"amount": 1000, "currency": "USD"}}
        return shop.staff.do("registerOrder", input=given, key=key())

    composed = await register("caf\u00e9 🧾")  # type: ignore[misc]  # a coroutine, typed as object for brevity
    decomposed = await register("cafe\u0301 🧾")  # type: ignore[misc]

    assert composed["order"]["id"] == decomposed["order"]["id"]
    assert await Order.all().count() == 1


async def test_scenario_47_a_document_moves_money_at_most_once(shop: Shop) -> None:
    order_id = await shop.order()
    one = "createPayment(input: $input, idempotencyKey: $k{0}) {{ payment {{ id }} errors {{ code }} }}"
    fields = " ".join(f"m{n}: " + one.format(n) for n in range(20))
    variables = ", ".join(f"$k{n}: IdempotencyKey!" for n in range(20))
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}

    response = await shop.buyer.post(
        f"mutation M($input: CreatePaymentInput!, {variables}) {{ {fields} }}",
        {"input": given, **{f"k{n}": key() for n in range(20)}},
    )

    assert response.status_code in (200, 400)
    assert "data" not in response.json()
    assert await Payment.all().count() == 0
    assert shop.sandbox.snapshot().requests == []


async def test_an_order_may_change_until_somebody_pays(shop: Shop) -> None:
    def given(amount: int) -> Json:
        total = {"amount": amount, "currency": "USD"}
        return {"externalId": "order-77", "total": total, "customerExternalId": "buyer"}

    first = await shop.staff.do("registerOrder", input=given(1_000), key=key())
    changed = await shop.staff.do("registerOrder", input=given(2_000), key=key())
    await shop.pay(first["order"]["id"], amount=2_000)
    late = await shop.staff.do("registerOrder", input=given(3_000), key=key())
    same = await shop.staff.do("registerOrder", input=given(2_000), key=key())

    assert changed["order"]["id"] == first["order"]["id"]
    assert changed["order"]["total"]["amount"] == 2_000
    assert [e["code"] for e in late["errors"]] == ["INVALID_STATE"]
    assert same["errors"] == []
    assert (await Order.get(external_id="order-77")).total_minor == 2_000


@pytest.mark.parametrize("gone", ["detached", "customer deleted"])
async def test_scenario_54_a_payment_method_that_is_gone_is_refused_by_name(shop: Shop, gone: str) -> None:
    payment = await shop.prepared()
    async with httpx.AsyncClient(
        transport=shop.sandbox.transport(), base_url="http://stripe", headers={"Authorization": "Bearer sk_test_shop"}
    ) as stripe:
        customer = (await stripe.post("/v1/customers")).json()["id"]
        attach = "/v1/payment_methods/pm_card_visa/attach"
        method = (await stripe.post(attach, data={"customer": customer})).json()["id"]
        if gone == "detached":
            answer = await stripe.post(f"/v1/payment_methods/{method}/detach")
        else:
            answer = await stripe.delete(f"/v1/customers/{customer}")
        assert answer.status_code == 200

    payload = await shop.buyer.do(
        "confirmPayment",
        paymentId=payment["id"],
        paymentMethodId=method,
        returnUrl="https://shop.example/",
        key=key(),
    )
    paid = await shop.buyer.do(
        "confirmPayment",
        paymentId=payment["id"],
        paymentMethodId="pm_card_visa",
        returnUrl="https://shop.example/",
        key=key(),
    )

    assert [e["code"] for e in payload["errors"]] == ["PAYMENT_METHOD_UNUSABLE"]
    assert payload["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert paid["payment"]["status"] == "SUCCEEDED"
