"""A decline that Stripe wants hidden looks to a buyer like any other, in every field; the staff see its code."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.support.shop import Json, Shop, key

DECLINE = """
  __typename code message
  ... on CardDeclinedError { declineCode adviceCode networkDeclineCode customerMessage retry }
"""
EVERYWHERE = f"""
  query P($id: ID!, $key: IdempotencyKey!) {{
    payment(id: $id) {{ lastError {{ {DECLINE} }} }}
    operation(key: $key, kind: CREATE_PAYMENT) {{ error {{ {DECLINE} }} }}
  }}
"""
LISTED = f"""
  query L($codes: [String!]) {{
    payments(filter: {{ declineCode: $codes }}) {{ nodes {{ lastError {{ {DECLINE} }} }} }}
  }}
"""
CREATE = f"""
  mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {{
    createPayment(input: $input, idempotencyKey: $key) {{
      errors {{ {DECLINE} }} operation {{ error {{ {DECLINE} }} }} payment {{ id lastError {{ {DECLINE} }} }}
    }}
  }}
"""
GENERIC: Json = {
    "__typename": "CardDeclinedError",
    "code": "CARD_DECLINED",
    "message": "The payment was declined. Please use another payment method.",
    "declineCode": "generic_decline",
    "adviceCode": None,
    "networkDeclineCode": None,
    "customerMessage": "The payment was declined. Please use another payment method.",
    "retry": "USE_ANOTHER_METHOD",
}
STOLEN = GENERIC | {
    "declineCode": "stolen_card",
    "adviceCode": "do_not_try_again",
    "networkDeclineCode": "43",
    "retry": "DO_NOT_RETRY",
}


async def test_a_stolen_card_is_a_generic_decline_to_its_holder_everywhere(shop: Shop) -> None:
    given = {
        "orderId": await shop.order(),
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_chargeDeclinedStolenCard",
        "confirm": True,
    }
    one_key = key()
    first = (await shop.buyer.ask(CREATE, input=given, key=one_key))["createPayment"]
    again = (await shop.buyer.ask(CREATE, input=given, key=one_key))["createPayment"]
    payment_id = first["payment"]["id"]

    mine = await shop.buyer.ask(EVERYWHERE, id=payment_id, key=one_key)
    listed = (await shop.buyer.ask(LISTED, codes=["generic_decline"]))["payments"]["nodes"]
    staffs = (await shop.staff.ask(LISTED, codes=["stolen_card"]))["payments"]["nodes"]

    for payload in (first, again):
        assert payload["errors"] == [GENERIC]
        assert payload["operation"]["error"] == payload["payment"]["lastError"] == GENERIC
    assert mine == {"payment": {"lastError": GENERIC}, "operation": {"error": GENERIC}}
    assert listed == [{"lastError": GENERIC}]
    assert staffs == [{"lastError": STOLEN}]


async def test_a_buyers_search_tells_no_more_than_the_answer(shop: Shop) -> None:
    await shop.pay(await shop.order(), method="pm_card_chargeDeclinedStolenCard")
    await shop.pay(await shop.order(), method="pm_card_chargeDeclinedInsufficientFunds")

    hidden = (await shop.buyer.ask(LISTED, codes=["stolen_card"]))["payments"]["nodes"]
    shown = (await shop.buyer.ask(LISTED, codes=["insufficient_funds"]))["payments"]["nodes"]
    staffs = (await shop.staff.ask(LISTED, codes=["generic_decline"]))["payments"]["nodes"]

    assert hidden == staffs == []
    assert [node["lastError"]["declineCode"] for node in shown] == ["insufficient_funds"]


@pytest.mark.parametrize(("reason", "shown"), [("lost_or_stolen_card", "unknown"), ("insufficient_funds", None)])
async def test_why_a_refund_failed_tells_a_buyer_nothing_of_a_theft(shop: Shop, reason: str, shown: str | None) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"])
    [refund] = shop.sandbox.snapshot().refunds
    await shop.stripe(f"refunds/{refund['id']}", {"status": "failed"})
    shop.between.answered = _said_why(reason)
    await shop.deliver()
    query = "query R($id: ID!) { payment(id: $id) { refunds { status failureReason } } }"

    mine = (await shop.buyer.ask(query, id=payment["id"]))["payment"]["refunds"]
    staffs = (await shop.staff.ask(query, id=payment["id"]))["payment"]["refunds"]

    assert mine == [{"status": "FAILED", "failureReason": shown or reason}]
    assert staffs == [{"status": "FAILED", "failureReason": reason}]


def _said_why(reason: str) -> Callable[[httpx.Request, httpx.Response], Awaitable[httpx.Response]]:
    async def answered(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        text = response.text.replace("expired_or_canceled_card", reason)
        return httpx.Response(response.status_code, text=text, headers={"request-id": "req_1"})

    return answered
