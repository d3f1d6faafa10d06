"""Methods that take days: how a payer begins to pay by each, what they are shown, and what a dashboard sees."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.payer_tokens import confirmation_token
from tests.support.shop import ERROR_FIELDS, Client, Json, Shop, key

BACK = "https://shop.example/back"
DAY = 86_400.0
NEXT_ACTION = """
  type redirectUrl expiresAt amountRemaining { amount currency }
  voucher { number entity reference pdfUrl stores { chain paymentCode confirmationNumber } }
  code { data imageUrl } microdeposits { type arrivesAt }
  bankTransfer { reference accounts { type iban bic accountNumber routingNumber sortCode accountHolderName } }
"""
ASKED = f"query A($id: ID!) {{ paymentConfirmation(paymentId: $id) {{ nextAction {{ {NEXT_ACTION} }} }} }}"
SHOWN = f"""
  id status allowedActions paidAt capturedAt payBefore amountRemaining {{ amount }} amountCaptured {{ amount }}
  amountDisputed {{ amount }} amountRefundable {{ amount }} paymentMethod {{ type }}
  lastError {{ {ERROR_FIELDS} }}
  order {{ paymentStatus paidAt amountPaid {{ amount }} amountDue {{ amount }} }}
"""
CREATE = f"""
  mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {{
    createPayment(input: $input, idempotencyKey: $key) {{
      errors {{ {ERROR_FIELDS} }} viewToken payment {{ {SHOWN} }} confirmation {{ nextAction {{ {NEXT_ACTION} }} }}
    }}
  }}
"""
SESSION = "mutation S { createCustomerSession(components: [PAYMENT_ELEMENT]) { errors { code } } }"


@dataclass(frozen=True, slots=True)
class Way:
    """One method as a payer chooses it: its test name at Stripe, and its currency."""

    method: str
    currency: str
    amount: int = 10_000
    needs_customer: bool = False


SEPA = Way("pm_success_de", "EUR")
ACH = Way("pm_usBankAccount_success", "USD")
MICRODEPOSITS = Way("pm_usBankAccount_microdeposits", "USD")
TRANSFER = Way("pm_customer_balance", "EUR", needs_customer=True)
PIX = Way("pm_pix", "BRL")
BOLETO = Way("pm_boleto", "BRL")
OXXO = Way("pm_oxxo", "MXN")
KONBINI = Way("pm_konbini", "JPY")
MULTIBANCO = Way("pm_multibanco", "EUR")
VOUCHERS = {"boleto": BOLETO, "oxxo": OXXO, "konbini": KONBINI, "multibanco": MULTIBANCO}
CURRENCIES = "USD,EUR,GBP,BRL,MXN,JPY"


async def token_of(shop: Shop, method: str) -> str:
    """Make the confirmation token of what the payer chose at Stripe's element, with their agreement to a debit."""
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as browser:
        return await confirmation_token(browser, method)


async def begin(shop: Shop, way: Way, **order: Any) -> Json:
    """Pay an order of the buyer's this way, confirmed by the server; returns the payload of createPayment."""
    order_id = await shop.order(way.amount, way.currency, **order)
    if way.needs_customer:
        assert (await shop.buyer.ask(SESSION))["createCustomerSession"]["errors"] == []
    return await begin_on(shop, order_id, way)


async def begin_on(shop: Shop, order_id: str, way: Way, **more: Any) -> Json:
    """Pay this order this way; returns the payload of createPayment."""
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": way.amount, "currency": way.currency}, **more}
    given |= {"confirmationTokenId": await token_of(shop, way.method), "confirm": True, "returnUrl": BACK}
    payload: Json = (await shop.buyer.ask(CREATE, input=given, key=key()))["createPayment"]
    return payload


async def begun(shop: Shop, way: Way, **order: Any) -> Json:
    """Begin to pay this way, with the events applied; returns the payment as staff see it."""
    payload = await begin(shop, way, **order)
    assert payload["errors"] == [], payload
    await shop.deliver()
    return await shown(shop.staff, payload["payment"]["id"])


async def shown(client: Client, payment_id: str) -> Json:
    """Return the payment as the caller sees it."""
    payment: Json = (await client.ask(f"query P($id: ID!) {{ payment(id: $id) {{ {SHOWN} }} }}", id=payment_id))[
        "payment"
    ]
    return payment


async def asked(client: Client, payment_id: str) -> Json | None:
    """Return what the caller is told to do next, or None."""
    found: Json | None = (await client.ask(ASKED, id=payment_id))["paymentConfirmation"]
    return found["nextAction"] if found is not None else None


async def pass_days(shop: Shop, days: float) -> None:
    """Let days pass at Stripe, with the events that they bring applied."""
    shop.sandbox.advance(days * DAY)
    await shop.deliver()


def intent(shop: Shop) -> Json:
    """Return the newest payment as Stripe has it."""
    return dict(shop.sandbox.snapshot().payment_intents[-1])


async def send_transfer(shop: Shop, amount: int, currency: str = "eur") -> None:
    """Let a transfer of the newest payment's customer arrive at Stripe."""
    customer = intent(shop)["customer"]
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as http:
        response = await http.post(
            f"/v1/test_helpers/customers/{customer}/fund_cash_balance",
            data={"amount": amount, "currency": currency},
            headers={"Authorization": "Bearer sk_test_bank"},
        )
    assert response.status_code == 200, response.text


def unpaid(payment: Json) -> bool:
    """Return True if nothing about the payment or its order says that it is paid."""
    order = payment["order"]
    said = (payment["paidAt"], payment["capturedAt"], order["paidAt"], payment["amountCaptured"], order["amountPaid"])
    is_open = order["paymentStatus"] not in ("PAID", "OVERPAID", "PARTIALLY_PAID", "AUTHORIZED")
    return said == (None, None, None, {"amount": 0}, {"amount": 0}) and is_open and order["amountDue"]["amount"] > 0
