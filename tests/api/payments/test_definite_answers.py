"""A definite answer of Stripe's is reported as one: never as an outage, never as unknown, and by its own code."""

from collections.abc import Callable

import httpx
import pytest

from database.statements import query_rows
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

REJECTED = """
  errors { __typename code message retryable ... on ProviderError { effect stripeCode stripeParam } }
  operation { id state effect } payment { status }
"""
CAPTURE = f"""
  mutation C($input: CapturePaymentInput!, $key: IdempotencyKey!) {{
    capturePayment(input: $input, idempotencyKey: $key) {{ {REJECTED} }}
  }}
"""
CANCEL = f"""
  mutation C($input: CancelPaymentInput!, $key: IdempotencyKey!) {{
    cancelPayment(input: $input, idempotencyKey: $key) {{ {REJECTED} }}
  }}
"""
RESOLVE = """
  mutation R($id: ID!) {
    resolveOperation(id: $id, outcome: DID_NOT_HAPPEN, evidence: "Seen in the Dashboard by Ada.") {
      operation { state } errors { code retryable }
    }
  }
"""
MISSING: Json = {
    "type": "invalid_request_error",
    "code": "resource_missing",
    "message": "No such payment_intent: 'pi_x'",
    "param": "intent",
}


async def _held(shop: Shop) -> Json:
    payload = await shop.pay(await shop.order(), captureMethod="MANUAL")
    assert payload["errors"] == []
    payment: Json = payload["payment"]
    return payment


@pytest.mark.parametrize("alone", [False, True], ids=["beside another payment", "the only payment"])
async def test_an_act_on_a_payment_that_is_gone_frees_the_order(shop: Shop, alone: bool) -> None:
    if not alone:
        await shop.paid()
    payment = await _held(shop)
    _forgets(shop, _newest(shop))

    payload = (await shop.staff.ask(CAPTURE, input={"paymentId": payment["id"]}, key=key()))["capturePayment"]
    shop.between.answered = shop.between.instead = None
    again = await shop.pay(payment["order"]["id"])

    [error] = payload["errors"]
    assert (error["code"], error["retryable"], error["effect"]) == ("PROVIDER_REJECTED", False, "NONE")
    assert (error["stripeCode"], error["stripeParam"]) == ("resource_missing", "intent")
    assert (payload["operation"]["state"], payload["operation"]["effect"]) == ("FAILED", "NONE")
    assert payload["payment"]["status"] == "CANCELED"
    assert (await shop.timeline(payment["id"]))[-1] == "payment.missing_at_provider"
    assert (await shop.payment(payment["id"]))["amountCapturable"] == {"amount": 0}
    assert again["errors"] == []
    assert again["payment"]["order"]["paymentStatus"] == "AUTHORIZED"


async def test_a_sync_of_a_payment_that_is_gone_closes_it(shop: Shop) -> None:
    await shop.paid()
    payment = await _held(shop)
    _forgets(shop, _newest(shop))

    payload = await shop.staff.do("syncPayment", paymentId=payment["id"])

    assert payload["errors"] == []
    assert payload["payment"]["status"] == "CANCELED"


async def test_what_was_paid_is_not_undone_because_stripe_has_lost_it(shop: Shop) -> None:
    await shop.paid()
    payment = await shop.paid()
    _forgets(shop, _newest(shop))

    refused = await shop.refund(payment["id"], 1_000)
    synced = await shop.staff.do("syncPayment", paymentId=payment["id"])

    after = await shop.payment(payment["id"])
    assert [(e["code"], e["effect"]) for e in refused["errors"]] == [("PROVIDER_REJECTED", "NONE")]
    assert refused["refund"]["status"] == "FAILED"
    assert [(e["code"], e["retryable"]) for e in synced["errors"]] == [("PROVIDER_REJECTED", False)]
    assert (after["status"], after["order"]["paymentStatus"]) == ("SUCCEEDED", "PAID")
    assert after["amountRefundable"] == {"amount": 10_000}


async def test_under_a_key_of_another_account_nothing_is_given_up(shop: Shop) -> None:
    """With another account's key, every payment is unknown to Stripe."""
    first, second = await _held(shop), await _held(shop)
    _forgets(shop, *(intent["id"] for intent in shop.sandbox.snapshot().payment_intents))
    one_key = key()

    payloads = [
        (await shop.staff.ask(CAPTURE, input={"paymentId": first["id"]}, key=one_key))["capturePayment"],
        await shop.staff.do("syncPayment", paymentId=second["id"]),
    ]
    await query_rows("UPDATE operation SET due = now() + interval '1 hour' WHERE due IS NOT NULL", [])  # not on a read
    meanwhile = [(await shop.payment(payment["id"]))["status"] for payment in (first, second)]
    shop.between.answered = shop.between.instead = None
    await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL", [])
    await shop.runtime.worker.drain()

    assert [[(e["code"], e["retryable"]) for e in payload["errors"]] for payload in payloads] == [
        [("PROVIDER_UNAVAILABLE", True)],
        [("PROVIDER_REJECTED", False)],
    ]
    assert meanwhile == ["REQUIRES_CAPTURE", "REQUIRES_CAPTURE"]
    assert (await shop.payment(first["id"]))["status"] == "SUCCEEDED"
    assert (await shop.payment(second["id"]))["status"] == "REQUIRES_CAPTURE"


@pytest.mark.parametrize(
    "error",
    [
        MISSING
        | {"message": "No such payment_intent: 'pi_x'; a similar object exists in live mode, but a test mode key"},
        {"type": "invalid_request_error", "code": "livemode_mismatch", "message": "x"},
        {"type": "invalid_request_error", "code": "account_invalid", "message": "x"},
    ],
    ids=["other mode", "livemode_mismatch", "account_invalid"],
)
async def test_a_key_of_the_other_mode_is_our_problem_and_gives_nothing_up(shop: Shop, error: Json) -> None:
    payment = await _held(shop)
    _refuses(shop, lambda _: True, error, status=404)

    payload = (await shop.staff.ask(CAPTURE, input={"paymentId": payment["id"]}, key=key()))["capturePayment"]

    assert [(e["code"], e["retryable"]) for e in payload["errors"]] == [("PROVIDER_UNAVAILABLE", True)]
    assert payload["payment"]["status"] == "REQUIRES_CAPTURE"


async def test_a_person_who_rules_on_a_payment_that_is_gone_frees_the_order(shop: Shop) -> None:
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/payment_intents/[^/]+/confirm")
    shop.sandbox.fault(kind="error_500_before", method="POST", path="/v1/payment_intents/[^/]+/confirm", times=9)
    payload = await shop.pay(await shop.order())
    _forgets(shop, _newest(shop))
    await _pass(shop, 16 * 60)
    before = (await shop.payment(payload["payment"]["id"]))["status"]

    settled = (await shop.staff.ask(RESOLVE, id=payload["operation"]["id"]))["resolveOperation"]
    shop.sandbox.clear_faults()
    shop.between.answered = shop.between.instead = None
    again = await shop.pay(payload["payment"]["order"]["id"])

    assert before == "UNKNOWN"
    assert settled == {"operation": {"state": "FAILED"}, "errors": []}
    assert (await shop.payment(payload["payment"]["id"]))["status"] == "CANCELED"
    assert again["errors"] == []


@pytest.mark.parametrize("kind", ["error_500_before", "drop_before", "broken_json", "rate_limit_429"])
async def test_nobody_rules_against_what_stripe_may_show_a_minute_later(shop: Shop, kind: str) -> None:
    payment = await shop.paid()
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/refunds")
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/refunds", times=1_000)
    refund = await shop.refund(payment["id"], 3_000)
    await _pass(shop, 21 * 3_600)
    shop.sandbox.clear_faults()
    shop.sandbox.fault(kind=kind, method="GET", path="/v1/refunds", times=1_000)

    refused = (await shop.staff.ask(RESOLVE, id=refund["operation"]["id"]))["resolveOperation"]
    shop.sandbox.clear_faults()
    overruled = (await shop.staff.ask(RESOLVE, id=refund["operation"]["id"]))["resolveOperation"]

    assert refused == {"operation": None, "errors": [{"code": "PROVIDER_UNAVAILABLE", "retryable": True}]}
    assert [error["code"] for error in overruled["errors"]] == ["INVALID_STATE"]
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [3_000]


# docs.stripe.com/error-codes
ON_CAPTURE = {
    "amount_too_large": "AMOUNT_EXCEEDS_CAPTURABLE",
    "charge_expired_for_capture": "INVALID_STATE",
    "capture_charge_authorization_expired": "INVALID_STATE",
    "charge_already_captured": "INVALID_STATE",
    "payment_intent_unexpected_state": "INVALID_STATE",
    "parameter_invalid_integer": "PROVIDER_REJECTED",
}
ON_PAYING = {
    "amount_too_large": "AMOUNT_TOO_LARGE",
    "amount_too_small": "AMOUNT_TOO_SMALL",
    "charge_exceeds_source_limit": "AMOUNT_TOO_LARGE",
    "payment_intent_mandate_invalid": "PAYMENT_METHOD_UNUSABLE",
    "payment_method_currency_mismatch": "PAYMENT_METHOD_UNUSABLE",
    "bank_account_unverified": "PAYMENT_METHOD_UNUSABLE",
    "payment_intent_authentication_failure": "AUTHENTICATION_REQUIRED",
    "card_declined": "CARD_DECLINED",
    "parameter_unknown": "PROVIDER_REJECTED",
}
ON_REFUND = {
    "amount_too_large": "AMOUNT_EXCEEDS_REFUNDABLE",
    "charge_already_refunded": "AMOUNT_EXCEEDS_REFUNDABLE",
    "charge_disputed": "CHARGE_DISPUTED",
    "refund_disputed_payment": "CHARGE_DISPUTED",
    "charge_not_refundable": "INVALID_STATE",
    "balance_insufficient": "PROVIDER_REJECTED",
}


@pytest.mark.parametrize(("code", "ours"), ON_CAPTURE.items())
async def test_each_refusal_of_a_capture_has_its_word(shop: Shop, code: str, ours: str) -> None:
    payment = await _held(shop)
    _refuses(shop, lambda request: request.url.path.endswith("/capture"), _error(code))

    given = {"paymentId": payment["id"], "amount": {"amount": 4_000, "currency": "USD"}}
    payload = await shop.staff.do("capturePayment", input=given, key=key())

    assert [(e["code"], e["retryable"]) for e in payload["errors"]] == [(ours, False)]
    assert payload["operation"]["effect"] == "NONE"


@pytest.mark.parametrize(("code", "ours"), ON_PAYING.items())
async def test_each_refusal_of_a_payment_has_its_word(shop: Shop, code: str, ours: str) -> None:
    _refuses(shop, lambda request: request.url.path.endswith("/confirm"), _error(code))

    payload = await shop.pay(await shop.order())

    assert [(e["code"], e["retryable"]) for e in payload["errors"]] == [(ours, False)]
    assert payload["operation"]["effect"] == "NONE"


@pytest.mark.parametrize(("code", "ours"), ON_REFUND.items())
async def test_each_refusal_of_a_refund_has_its_word(shop: Shop, code: str, ours: str) -> None:
    payment = await shop.paid()
    _refuses(shop, lambda request: request.method == "POST" and request.url.path == "/v1/refunds", _error(code))

    payload = await shop.refund(payment["id"], 1_000)

    assert [(e["code"], e["retryable"]) for e in payload["errors"]] == [(ours, False)]
    assert (await shop.payment(payment["id"]))["amountRefundable"] == {"amount": 10_000}


async def test_a_refund_that_is_refused_and_there_all_the_same_is_one(shop: Shop) -> None:
    payment = await shop.paid()

    async def answered(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        is_refund = request.method == "POST" and request.url.path == "/v1/refunds"
        return httpx.Response(400, json={"error": _error("charge_already_refunded")}) if is_refund else response

    shop.between.answered = answered
    payload = await shop.refund(payment["id"], 1_000)

    assert (payload["errors"], payload["refund"]["status"]) == ([], "SUCCEEDED")
    assert (await shop.payment(payment["id"]))["amountRefundable"] == {"amount": 9_000}


async def test_the_staff_are_told_what_stripe_found_wrong_and_buyers_are_not(shop: Shop) -> None:
    payment = await shop.prepared()
    error = _error("parameter_unknown", param="payment_method_options[card]")
    _refuses(shop, lambda request: request.url.path.endswith("/cancel"), error)

    query = "query N($id: ID!) { node(id: $id) { ... on Operation { error { code ... on ProviderError"
    query += " { stripeCode stripeParam } } } } }"
    payload = (await shop.buyer.ask(CANCEL, input={"paymentId": payment["id"]}, key=key()))["cancelPayment"]
    staffs = (await shop.staff.ask(query, id=payload["operation"]["id"]))["node"]["error"]

    assert [(e["code"], e["stripeCode"], e["stripeParam"]) for e in payload["errors"]] == [
        ("PROVIDER_REJECTED", None, None)
    ]
    assert staffs == {
        "code": "PROVIDER_REJECTED",
        "stripeCode": "parameter_unknown",
        "stripeParam": "payment_method_options[card]",
    }


async def _pass(shop: Shop, seconds: float) -> None:
    """Let time pass for the open operations, and let the worker do what is due."""
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [seconds],
    )
    await shop.runtime.worker.drain()


def _newest(shop: Shop) -> str:
    return str(shop.sandbox.snapshot().payment_intents[-1]["id"])


def _error(code: str, param: str | None = None) -> Json:
    return {"type": "invalid_request_error", "code": code, "message": "x", **({"param": param} if param else {})}


def _forgets(shop: Shop, *intents: str) -> None:
    """Let Stripe forget these intents."""

    def is_about(request: httpx.Request) -> bool:
        return any(intent in str(request.url) or intent.encode() in request.content for intent in intents)

    _refuses(shop, is_about, MISSING, status=404)


def _refuses(shop: Shop, which: Callable[[httpx.Request], bool], error: Json, *, status: int = 400) -> None:
    def instead(request: httpx.Request) -> httpx.Response | None:
        if not which(request):
            return None
        return httpx.Response(status, json={"error": error}, headers={"request-id": "req_1"})

    shop.between.instead = instead
