"""The orders of the demo, its callers, and its example operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx

from domain.caller import Scope
from domain.errors import ErrorCode
from server.access.authentication import sign_token
from server.pages.static import OfferedToken
from server.runtime import jwt_secret
from settings import Settings

DAY: Final = timedelta(days=1)
BUYER: Final = "demo-buyer"
TOTALS: Final = (2599, 4950, 120000)

REGISTER: Final = (
    "mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!)"
    " { registerOrder(input: $input, idempotencyKey: $key)"
    " { replayed errors { code message } order { id externalId paymentStatus amountDue { formatted } } } }"
)
PAY: Final = (
    "mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!)"
    " { createPayment(input: $input, idempotencyKey: $key)"
    " { replayed errors { code message } payment { id status amount { decimal currency } order { paymentStatus } } } }"
)
REFUND: Final = (
    "mutation Refund($input: RefundPaymentInput!, $key: IdempotencyKey!)"
    " { refundPayment(input: $input, idempotencyKey: $key)"
    " { replayed errors { code message } refund { status amount { decimal currency } }"
    " payment { amountRefundable { decimal } } } }"
)
STATUS: Final = (
    "query Status($order: String!) { order(externalId: $order) { paymentStatus amountDue { formatted }"
    " payments { nodes { status paymentMethod { ... on CardSnapshot { brand last4 } } } } } }"
)
STAFF: Final = {Scope("payments:read"), Scope("payments:write"), Scope("refunds:write")}
FINANCE: Final = {Scope("payments:read"), Scope("finance:read")}
OPERATIONS: Final = {Scope("payments:read"), Scope("ops:read"), Scope("ops:write"), Scope("finance:read")}

Json = dict[str, Any]


class OperationRefused(Exception):
    """An operation of the demo was refused; the text says which and why."""


class KeysExpired(Exception):
    """A key of the demo was used before, and is older than the lifetime of keys."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of example callers."""

    buyer: str
    support: str
    finance: str
    operations: str
    administrator: str

    @classmethod
    def sign(cls, settings: Settings) -> "Tokens":
        """Sign the tokens, valid for a day."""
        secret = jwt_secret(settings)
        assert secret is not None, "the demo signs its own tokens"

        def token(subject: str, scopes: set[Scope]) -> str:
            issuer, audience = settings.auth_issuer, settings.auth_audience
            return sign_token(secret, subject, sorted(scopes), DAY, issuer=issuer, audience=audience)

        return cls(
            buyer=token(BUYER, {Scope("payments:pay")}),
            support=token("demo-support", STAFF),
            finance=token("demo-finance", FINANCE),
            operations=token("demo-operations", OPERATIONS),
            administrator=token("demo-admin", set(Scope) - {Scope("payments:pay")}),
        )

    @property
    def offered(self) -> list[OfferedToken]:
        """List the tokens that the explorer offers."""
        return [
            OfferedToken("Buyer", self.buyer),
            OfferedToken("Support", self.support),
            OfferedToken("Finance", self.finance),
            OfferedToken("Operations", self.operations),
            OfferedToken("Administrator", self.administrator),
        ]


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order of the demo."""

    identity: str
    external_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Example:
    """An executed operation, to copy, with its answer."""

    title: str
    token: str
    query: str
    variables: Json
    answer: Json


@dataclass(frozen=True, slots=True)
class Shown:
    """The results of the demo: its orders, of which the first is paid, and its examples."""

    orders: list[DemoOrder]
    payment_id: str
    examples: list[Example]


async def carry_out(http: httpx.AsyncClient, tokens: Tokens) -> Shown:
    """Register the orders, pay the first, refund a part of it.

    A second run is replayed, because the keys are the same. Keys beyond their lifetime are not replayed, so the demo
    continues with new orders. Raises OperationRefused.
    """
    series = 1
    while True:
        try:
            return await _carry_out(http, tokens, series)
        except KeysExpired:
            series += 1


async def _carry_out(http: httpx.AsyncClient, tokens: Tokens, series: int) -> Shown:
    numbers = [f"{series}{position:03}" for position, _ in enumerate(TOTALS, 1)]
    registered = [
        await _run(
            http,
            "Your shop's server registers an order",
            tokens.administrator,
            REGISTER,
            {
                "input": {
                    "externalId": f"demo-{number}",
                    "total": {"amount": amount, "currency": "USD"},
                    "customerExternalId": BUYER,
                },
                "key": f"demo-register-demo-{number}",
            },
        )
        for number, amount in zip(numbers, TOTALS, strict=True)
    ]
    orders = [
        DemoOrder(one.answer["registerOrder"]["order"]["id"], f"demo-{number}", amount)
        for one, number, amount in zip(registered, numbers, TOTALS, strict=True)
    ]
    paid = await _run(
        http,
        f"The buyer pays order {orders[0].external_id} (send it again: one charge, replayed)",
        tokens.buyer,
        PAY,
        {
            "input": {
                "orderId": orders[0].identity,
                "expectedAmount": {"amount": orders[0].amount, "currency": "USD"},
                "paymentMethodId": "pm_card_visa",
                "confirm": True,
            },
            "key": f"demo-pay-{numbers[0]}",
        },
    )
    payment_id = str(paid.answer["createPayment"]["payment"]["id"])
    refunded = await _run(
        http,
        "Support gives $5.99 back",
        tokens.support,
        REFUND,
        {
            "input": {
                "paymentId": payment_id,
                "amount": {"amount": 599, "currency": "USD"},
                "reason": "REQUESTED_BY_CUSTOMER",
            },
            "key": f"demo-refund-{numbers[0]}",
        },
    )
    title = "The buyer's page asks for the order's payment status"
    status = await _run(http, title, tokens.buyer, STATUS, {"order": orders[0].external_id})
    return Shown(orders, payment_id, [registered[0], paid, refunded, status])


async def _run(http: httpx.AsyncClient, title: str, token: str, query: str, variables: Json) -> Example:
    """Run one operation. Raises KeysExpired or OperationRefused."""
    response = await http.post(
        "/graphql", json={"query": query, "variables": variables}, headers={"Authorization": f"Bearer {token}"}
    )
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    data = answer.get("data")
    problems = answer.get("errors") or [problem for field in (data or {}).values() for problem in _refusals(field)]
    if any(problem.get("code") == ErrorCode.IDEMPOTENCY_KEY_EXPIRED for problem in problems):
        raise KeysExpired
    if problems or data is None:
        reason = problems[0]["message"] if problems else f"HTTP {response.status_code}"
        raise OperationRefused(f"The demo's own example was refused ({title}): {reason}")
    return Example(title, token, query, variables, data)


def _refusals(field: Mapping[str, Any] | None) -> list[Json]:
    return list((field or {}).get("errors") or [])
