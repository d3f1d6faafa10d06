"""`make demo`: everything in one process on loopback, a few orders, ready tokens, and operations to copy."""

import asyncio
import json
import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import uvicorn

from domain.caller import Scope
from server.app import create_app, guarded
from server.callers import sign_token
from server.connections import OPTIONS
from server.parts import jwt_secret
from server.web import Offered, OfferedOrder, OfferedToken
from settings import Settings

DAY = timedelta(days=1)
ORDERS = (("demo-1001", 2599), ("demo-1002", 4950), ("demo-1003", 120000))

CREATE_PAYMENT = (
    "mutation Pay($input: CreatePaymentInput!, $key: IdempotencyKey!)"
    " { createPayment(input: $input, idempotencyKey: $key)"
    " { replayed errors { code message } payment { id status amount { decimal currency } order { paymentStatus } } } }"
)
ORDER_STATUS = (
    "query Status($order: String!) { order(externalId: $order) { paymentStatus amountDue { formatted }"
    " payments { nodes { status paymentMethod { ... on CardSnapshot { brand last4 } } } } } }"
)
REFUND = (
    "mutation Refund($input: RefundPaymentInput!, $key: IdempotencyKey!)"
    " { refundPayment(input: $input, idempotencyKey: $key)"
    " { replayed errors { code message } refund { status amount { decimal currency } }"
    " payment { amountRefundable { decimal } } } }"
)
REGISTER = (
    "mutation Register($input: RegisterOrderInput!, $key: IdempotencyKey!)"
    " { registerOrder(input: $input, idempotencyKey: $key) { errors { message } order { id } } }"
)
STAFF = {Scope("payments:read"), Scope("payments:write"), Scope("refunds:write")}
FINANCE = {Scope("payments:read"), Scope("finance:read")}
OPERATIONS = {Scope("payments:read"), Scope("ops:read"), Scope("ops:write"), Scope("finance:read")}

Json = dict[str, Any]
Example = tuple[str, str, str, Json, Json]  # title, token, operation, variables, answer


@dataclass(frozen=True, slots=True)
class Tokens:
    """Callers to try things with."""

    buyer: str
    support: str
    finance: str
    operations: str
    administrator: str

    @property
    def offered(self) -> list[OfferedToken]:
        """What the explorer lets its user choose from."""
        return [
            OfferedToken("Buyer", self.buyer),
            OfferedToken("Support", self.support),
            OfferedToken("Finance", self.finance),
            OfferedToken("Operations", self.operations),
            OfferedToken("Administrator", self.administrator),
        ]


async def serve_demo(settings: Settings, *, port: int) -> int:
    """Serve until Ctrl-C. The examples are carried out once; a second start shows the same answers, replayed."""
    inner = create_app(settings, run_worker=True, own_port=port)
    app = guarded(inner, settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, **OPTIONS)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            print(f"Port {port} cannot be used. Choose another one: PORT=8001 make demo")
            return 1
        await asyncio.sleep(0.05)
    inner.state.offered = await _introduce(settings, f"http://127.0.0.1:{port}")
    await serving
    return 0


async def _introduce(settings: Settings, base: str) -> Offered:
    """Register the orders, carry the examples out, print all of it, and return what the explorer offers."""
    tokens = _tokens(settings)
    async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as http:
        order_ids = [await _register(http, tokens, name, amount) for name, amount in ORDERS]
        pay = {
            "input": {
                "orderId": order_ids[0],
                "expectedAmount": {"amount": ORDERS[0][1], "currency": "USD"},
                "paymentMethodId": "pm_card_visa",
                "confirm": True,
            },
            "key": "demo-pay-1001",
        }
        paid = await _ask(http, tokens.buyer, CREATE_PAYMENT, pay)
        payment_id = paid["data"]["createPayment"]["payment"]["id"]
        refund = {
            "input": {
                "paymentId": payment_id,
                "amount": {"amount": 599, "currency": "USD"},
                "reason": "REQUESTED_BY_CUSTOMER",
            },
            "key": "demo-refund-1001",
        }
        status = {"order": ORDERS[0][0]}
        examples: list[Example] = [
            (
                "The buyer pays order demo-1001 (send it again: one charge, replayed)",
                tokens.buyer,
                CREATE_PAYMENT,
                pay,
                paid,
            ),
            (
                "Support gives $5.99 back",
                tokens.support,
                REFUND,
                refund,
                await _ask(http, tokens.support, REFUND, refund),
            ),
            (
                "The buyer's page asks for the order's payment status",
                tokens.buyer,
                ORDER_STATUS,
                status,
                await _ask(http, tokens.buyer, ORDER_STATUS, status),
            ),
        ]
    _print(base, tokens, order_ids, examples)
    return Offered(
        tokens=tokens.offered,
        orders=[
            OfferedOrder(identity, name, amount, "USD", payment_id if name == ORDERS[0][0] else None)
            for (name, amount), identity in zip(ORDERS, order_ids, strict=True)
        ],
    )


def _tokens(settings: Settings) -> Tokens:
    secret = jwt_secret(settings)
    if secret is None:
        raise RuntimeError("The demo signs its own tokens: unset AUTH_JWKS_URL.")

    def sign(subject: str, scopes: set[Scope]) -> str:
        return sign_token(
            secret, subject, sorted(scopes), DAY, issuer=settings.auth_issuer, audience=settings.auth_audience
        )

    everything = set(Scope) - {Scope("payments:pay")}
    return Tokens(
        buyer=sign("demo-buyer", {Scope("payments:pay")}),
        support=sign("demo-support", STAFF),
        finance=sign("demo-finance", FINANCE),
        operations=sign("demo-operations", OPERATIONS),
        administrator=sign("demo-admin", everything),
    )


async def _register(http: httpx.AsyncClient, tokens: Tokens, external_id: str, amount: int) -> str:
    variables = {
        "input": {
            "externalId": external_id,
            "total": {"amount": amount, "currency": "USD"},
            "customerExternalId": "demo-buyer",
        },
        "key": f"demo-register-{external_id}",
    }
    answer = await _ask(http, tokens.administrator, REGISTER, variables)
    return str(answer["data"]["registerOrder"]["order"]["id"])


async def _ask(http: httpx.AsyncClient, token: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    response = await http.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"Authorization": f"Bearer {token}"},
    )
    answer: dict[str, Any] = response.json()
    if answer.get("errors"):
        raise RuntimeError(f"The demo's own operation was refused: {answer['errors']}")
    return answer


def _print(
    base: str,
    tokens: Tokens,
    order_ids: list[str],
    examples: list[Example],
) -> None:
    lines = [
        "",
        "Paygraph is running, with PostgreSQL and the offline Stripe inside. Ctrl-C stops it, the data stays.",
        "",
        f"  Pages      {base}/     {base}/explorer     {base}/checkout",
        f"  GraphQL    {base}/graphql     (schema: {base}/schema.graphql)",
        f"  Webhooks   {base}/webhooks/stripe",
        f"  Health     {base}/healthz   {base}/readyz",
        "",
        "Orders to pay, all of customer demo-buyer:",
        *(
            f"  {name}  {amount / 100:>9.2f} USD  {identity}"
            for (name, amount), identity in zip(ORDERS, order_ids, strict=True)
        ),
        "",
        "Tokens, good for a day:",
        f"  BUYER={tokens.buyer}",
        f"  SUPPORT={tokens.support}",
        f"  ADMIN={tokens.administrator}",
        "",
        "Operations to copy, with the answers they just gave:",
    ]
    for title, token, query, variables, answer in examples:
        body = json.dumps({"query": query, "variables": variables})
        lines += [
            "",
            f"# {title}",
            f"curl -s {base}/graphql -H 'Content-Type: application/json' \\",
            f"  -H 'Authorization: Bearer {token}' \\",
            f"  -d {shlex.quote(body)}",
            f"  → {json.dumps(answer['data'])}",
        ]
    print("\n".join([*lines, ""]), flush=True)
