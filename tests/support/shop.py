"""A shop for the tests: the whole application over HTTP in process, with the offline Stripe, a buyer and staff.

Everything is real but the network: GraphQL over HTTP, PostgreSQL, the `stripe` library, signed webhooks.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from starlette.types import ASGIApp

from domain.caller import Scope
from sandbox import Sandbox
from server.access.authentication import sign_token
from server.app import create_app, with_middleware
from server.runtime import Runtime
from settings import Settings

JWT_SECRET = "test-jwt-secret-that-is-long-enough-for-hs256"
WEBHOOK_SECRET = "whsec_test_secret"
OLD_WEBHOOK_SECRET = "whsec_test_secret_before_the_roll"
STAFF = "payments:read payments:write refunds:write orders:write ops:read ops:write finance:read"

PAYMENT_FIELDS = """
  id status version captureMethod allowedActions
  amount { amount currency decimal } amountCapturable { amount } amountCaptured { amount }
  amountRefunded { amount } amountRefundPending { amount } amountRefundable { amount } amountDisputed { amount }
  order { id paymentStatus amountDue { amount } amountPaid { amount } amountRefunded { amount } }
  paymentMethod { type ... on CardSnapshot { brand last4 } }
  refunds { id status amount { amount } }
"""
ERROR_FIELDS = """
  __typename code message path retryable requestId
  ... on IdempotencyKeyReusedError { mismatchedPaths originalOperationId }
  ... on OperationInProgressError { operationId retryAfterMs }
  ... on AmountMismatchError { expected { amount currency } actual { amount currency } }
  ... on LimitExceededError { requested { amount } available { amount } }
  ... on InvalidStateError { status allowedActions }
  ... on CardDeclinedError { declineCode adviceCode customerMessage retry }
  ... on ProviderError { effect retryAfterMs stripeRequestId }
"""
PAYLOAD = f"""
  replayed errors {{ {ERROR_FIELDS} }} operation {{ id kind state effect attempts }}
  payment {{ {PAYMENT_FIELDS} }}
"""
PAYMENT_PAYLOAD = f"{PAYLOAD} confirmation {{ nextAction {{ type redirectUrl }} }}"
CONFIRMATION_OF = (
    "query C($id: ID!) { paymentConfirmation(paymentId: $id) { clientSecret nextAction { type redirectUrl } } }"
)
OF_A_METHOD = (
    "($id: ID!, $key: IdempotencyKey!)",
    "(id: $id, idempotencyKey: $key)",
    f"replayed errors {{ {ERROR_FIELDS} }} operation {{ id state }} customer {{ id defaultPaymentMethod {{ id }} }}",
)
MUTATIONS = {
    "registerOrder": (
        "($input: RegisterOrderInput!, $key: IdempotencyKey!)",
        "(input: $input, idempotencyKey: $key)",
        f"replayed errors {{ {ERROR_FIELDS} }} operation {{ id state attempts }} order {{ id externalId paymentStatus"
        f" version total {{ amount currency }} amountDue {{ amount }} }} payment {{ {PAYMENT_FIELDS} }}",
    ),
    "createPayment": (
        "($input: CreatePaymentInput!, $key: IdempotencyKey!)",
        "(input: $input, idempotencyKey: $key)",
        PAYMENT_PAYLOAD,
    ),
    "createOffSessionPayment": (
        "($input: CreateOffSessionPaymentInput!, $key: IdempotencyKey!)",
        "(input: $input, idempotencyKey: $key)",
        PAYMENT_PAYLOAD,
    ),
    "capturePayment": (
        "($input: CapturePaymentInput!, $key: IdempotencyKey!)",
        "(input: $input, idempotencyKey: $key)",
        PAYMENT_PAYLOAD,
    ),
    "cancelPayment": (
        "($input: CancelPaymentInput!, $key: IdempotencyKey!)",
        "(input: $input, idempotencyKey: $key)",
        PAYMENT_PAYLOAD,
    ),
    "refundPayment": (
        "($input: RefundPaymentInput!, $key: IdempotencyKey!)",
        "(input: $input, idempotencyKey: $key)",
        PAYLOAD + " refund { id status amount { amount currency } failureReason }",
    ),
    "confirmPayment": (
        # as clients send it now, or as those of the last release do: variables that are not given are not sent
        "($input: ConfirmPaymentInput, $key: IdempotencyKey!, $paymentId: ID, $paymentMethodId: ID,"
        " $returnUrl: String)",
        "(input: $input, idempotencyKey: $key, paymentId: $paymentId, paymentMethodId: $paymentMethodId,"
        " returnUrl: $returnUrl)",
        PAYMENT_PAYLOAD,
    ),
    "createSetupIntent": (
        "($input: CreateSetupIntentInput!, $key: IdempotencyKey!)",
        "(input: $input, idempotencyKey: $key)",
        f"replayed errors {{ {ERROR_FIELDS} }} operation {{ id state }} setupIntent {{ id status usage }}",
    ),
    "setDefaultPaymentMethod": OF_A_METHOD,
    "detachPaymentMethod": OF_A_METHOD,
    "syncPayment": ("($paymentId: ID!)", "(paymentId: $paymentId)", PAYMENT_PAYLOAD),
}

Json = dict[str, Any]


def key() -> str:
    """Make an idempotency key."""
    return str(uuid4())


def settings_for(database_url: str, state_dir: Path, **changes: Any) -> Settings:
    """Settings of a test: quick retries, its own state folder, nothing from the environment."""
    given: Json = {
        "database_url": database_url,
        "auth_jwt_secret": JWT_SECRET,
        "stripe_webhook_secrets": f"{WEBHOOK_SECRET},{OLD_WEBHOOK_SECRET}",
        "environment": "test",
        "paygraph_dir": state_dir,
        "worker_tick_seconds": 0.05,
        "sandbox_faults": True,
        "rate_limits": "off",
        **changes,
    }
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]  # pydantic-settings' own argument


def token(subject: str, scope: str) -> str:
    scopes = [Scope(word) for word in scope.split()]
    return sign_token(JWT_SECRET, subject, scopes, timedelta(hours=1), issuer=None, audience=None)


def text_of(mutation: str) -> str:
    """Return the document of one mutation with all the fields that tests check."""
    parameters, arguments, fields = MUTATIONS[mutation]
    return f"mutation M{parameters} {{ {mutation}{arguments} {{ {fields} }} }}"


@dataclass
class Client:
    """One caller over HTTP."""

    http: httpx.AsyncClient = field(repr=False)
    token: str | None = field(default=None, repr=False)

    async def post(self, query: str, variables: Json | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.http.post("/graphql", json={"query": query, "variables": variables or {}}, headers=headers)

    async def ask(self, query: str, **variables: Any) -> Json:
        """Return the `data` of an operation that must have no errors."""
        response = await self.post(query, variables)
        answer: Json = response.json()
        assert "errors" not in answer, answer
        data: Json = answer["data"]
        return data

    async def do(self, mutation: str, **variables: Any) -> Json:
        """Return the payload of one mutation with all the fields that tests check."""
        data = await self.ask(text_of(mutation), **variables)
        payload: Json = data[mutation]
        return payload


@dataclass
class Shop:
    """The application, its offline Stripe, and the people who use it."""

    app: ASGIApp
    runtime: Runtime
    sandbox: Sandbox
    between: "Between"
    http: httpx.AsyncClient
    buyer: Client
    staff: Client
    stranger: Client
    anonymous: Client

    async def order(self, amount: int = 10_000, currency: str = "USD", *, customer: str = "buyer", **more: Any) -> str:
        """Register an order; returns its id."""
        payload = await self.staff.do(
            "registerOrder",
            input={
                "externalId": f"order-{uuid4()}",
                "total": {"amount": amount, "currency": currency},
                "customerExternalId": customer,
                **more,
            },
            key=key(),
        )
        assert payload["errors"] == [], payload
        return str(payload["order"]["id"])

    async def capture(self, order_id: str, method: str) -> None:
        """Set the capture method of an order: captured at once (AUTOMATIC) or only authorized (MANUAL)."""
        query = """query O($id: ID!) { order(id: $id) {
          externalId total { amount currency } captureMethod customer { externalId } } }"""
        order = (await self.staff.ask(query, id=order_id))["order"]
        if order is None or order["captureMethod"] == method:
            return
        given = {name: order[name] for name in ("externalId", "total")}
        customer = {"customerExternalId": order["customer"]["externalId"]} if order["customer"] else {}
        payload = await self.staff.do("registerOrder", input={**given, **customer, "captureMethod": method}, key=key())
        assert payload["errors"] == [], payload

    async def pay(
        self,
        order_id: str,
        *,
        amount: int = 10_000,
        method: str = "pm_card_visa",
        with_key: str | None = None,
        **more: Any,
    ) -> Json:
        """Send a buyer's createPayment, confirmed by the server, and return its payload."""
        if (how := more.pop("captureMethod", None)) is not None:
            await self.capture(order_id, how)
        return await self.buyer.do(
            "createPayment",
            input={
                "orderId": order_id,
                "expectedAmount": {"amount": amount, "currency": "USD"},
                "paymentMethodId": method,
                "confirm": True,
                **more,
            },
            key=with_key or key(),
        )

    async def paid(self, amount: int = 10_000, **more: Any) -> Json:
        """Create a payment that has succeeded."""
        payload = await self.pay(await self.order(amount), amount=amount, **more)
        assert payload["errors"] == [], payload
        payment: Json = payload["payment"]
        return payment

    async def refund(self, payment_id: str, amount: int | None = None, *, with_key: str | None = None) -> Json:
        """Refund as staff; returns the payload."""
        given: Json = {"paymentId": payment_id, "reason": "REQUESTED_BY_CUSTOMER"}
        if amount is not None:
            given["amount"] = {"amount": amount, "currency": "USD"}
        return await self.staff.do("refundPayment", input=given, key=with_key or key())

    async def payment(self, payment_id: str) -> Json:
        """Read a payment as staff."""
        data = await self.staff.ask(f"query P($id: ID!) {{ payment(id: $id) {{ {PAYMENT_FIELDS} }} }}", id=payment_id)
        payment: Json = data["payment"]
        return payment

    async def confirmation(self, payment_id: str, *, by: Client | None = None) -> Json | None:
        """Read the confirmation that the buyer, or another caller, needs to continue a payment."""
        data = await (by or self.buyer).ask(CONFIRMATION_OF, id=payment_id)
        found: Json | None = data["paymentConfirmation"]
        return found

    async def timeline(self, payment_id: str) -> list[str]:
        """List the types of a payment's events, in order."""
        query = "query T($id: ID!) { payment(id: $id) { timeline(first: 100) { edges { node { type sequence } } } } }"
        data = await self.staff.ask(query, id=payment_id)
        return [edge["node"]["type"] for edge in data["payment"]["timeline"]["edges"]]

    async def deliver(self) -> None:
        """Send Stripe's webhooks and apply them, until nothing is due."""
        while await self.sandbox.deliver_due() + await self.runtime.worker.drain():
            pass

    async def prepared(self, amount: int = 10_000) -> Json:
        """Create a payment that waits for the buyer's browser."""
        payload = await self.buyer.do(
            "createPayment",
            input={"orderId": await self.order(amount), "expectedAmount": {"amount": amount, "currency": "USD"}},
            key=key(),
        )
        assert payload["errors"] == [], payload
        payment: Json = payload["payment"]
        return payment

    async def browser_confirms(self, method: str) -> int:
        """Confirm the newest payment at Stripe itself, as the buyer's browser does; returns Stripe's HTTP status."""
        intent = self.sandbox.snapshot().payment_intents[-1]
        given = {
            "payment_method": method,
            "client_secret": intent["client_secret"],
            "return_url": "https://shop.example/",
        }
        async with httpx.AsyncClient(transport=self.sandbox.transport(), base_url="http://stripe") as browser:
            response = await browser.post(
                f"/v1/payment_intents/{intent['id']}/confirm",
                data=given,
                headers={"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()},
            )
        return response.status_code

    async def finish_3ds(self, how: str) -> None:
        """Answer the bank's page as the buyer: "complete" or "fail"."""
        [intent] = [i for i in self.sandbox.snapshot().payment_intents if i["status"] == "requires_action"]
        transport = httpx.ASGITransport(self.sandbox.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as browser:
            response = await browser.post(f"/_sandbox/3ds/{intent['id']}", data={"result": how})
        assert response.status_code in (200, 303), response.text

    async def stripe(self, path: str, given: Json) -> Json:
        """Call a test control of the offline Stripe, as a person at the Dashboard would act."""
        transport = httpx.ASGITransport(self.sandbox.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as http:
            response = await http.post(f"/_sandbox/{path}", json=given)
        assert response.status_code == 200, response.text
        answer: Json = response.json()
        return answer

    async def dashboard_refund(self, amount: int) -> Json:
        """Refund the newest payment at the Dashboard: no idempotency key, no metadata of ours."""
        intent = self.sandbox.snapshot().payment_intents[-1]
        return await self.stripe("refunds", {"payment_intent": intent["id"], "amount": amount})

    async def webhook(self, payload: Json | bytes, header: str | None, **headers: str) -> httpx.Response:
        """Post raw bytes to the webhook route."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        given = {"Content-Type": "application/json", **headers}
        if header is not None:
            given["Stripe-Signature"] = header
        return await self.http.post("/webhooks/stripe", content=raw, headers=given)


class Between(httpx.AsyncBaseTransport):
    """Stands between the application and Stripe: `answered` may change each answer, or act before it arrives.

    `instead` may answer a request, which then never reaches Stripe. Requests that `answered` itself causes pass through
    unchanged.
    """

    def __init__(self, stripe: httpx.AsyncBaseTransport) -> None:
        self._stripe = stripe
        self._busy = False
        self.answered: Callable[[httpx.Request, httpx.Response], Awaitable[httpx.Response]] | None = None
        self.instead: Callable[[httpx.Request], httpx.Response | None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.instead is not None and (refused := self.instead(request)) is not None:
            return refused
        response = await self._stripe.handle_async_request(request)
        if self.answered is None or self._busy:
            return response
        await response.aread()
        self._busy = True
        try:
            return await self.answered(request, response)
        finally:
            self._busy = False


@asynccontextmanager
async def open_shop(settings: Settings, *, sandbox_path: Path | None = None) -> AsyncIterator[Shop]:
    """Open the application for one test, with its lifespan, and close it."""
    late: dict[str, ASGIApp] = {}

    async def front_door(scope: Any, receive: Any, send: Any) -> None:
        await late["app"](scope, receive, send)

    sandbox = Sandbox(
        sandbox_path,
        webhook_url="http://shop/webhooks/stripe",
        webhook_secret=WEBHOOK_SECRET,
        webhook_transport=httpx.ASGITransport(front_door),
        faults_enabled=True,
    )
    between = Between(sandbox.transport())
    inner = create_app(settings, run_worker=False, sandbox=sandbox, transport=between)
    late["app"] = app = with_middleware(inner, settings)
    inner.state.readiness.fresh_seconds = 0.0  # tests look before and after
    async with inner.router.lifespan_context(inner):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop", timeout=30) as http:
            yield Shop(
                app=app,
                runtime=inner.state.runtime,
                sandbox=sandbox,
                between=between,
                http=http,
                buyer=Client(http, token("buyer", "payments:pay")),
                staff=Client(http, token("clerk", STAFF)),
                stranger=Client(http, token("stranger", "payments:pay")),
                anonymous=Client(http),
            )


def errors_of(payload: Json) -> list[tuple[str, list[str] | None]]:
    """Return the code and the path of each error of a payload."""
    return [(error["code"], error["path"]) for error in payload["errors"]]
