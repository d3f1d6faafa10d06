"""Whatever Stripe says, in errors, answers and webhooks, no secret in it is kept, logged or passed on (scenario 46)."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from graphql import GraphQLSchema

from models.sql import rows
from tests.inputs import INTROSPECTION, root_type, schema_of, selection
from tests.planting import KINDS, Lines, Planter, all_lines
from tests.reconcile.faults import reconcile
from tests.shop import WEBHOOK_SECRET, Json, Shop, key, open_shop, settings_for

# What these say decides what happens; all other texts of an object are planted.
STRUCTURE = frozenset(
    {
        "id",
        "object",
        "status",
        "currency",
        "capture_method",
        "type",
        "payment_intent",
        "charge",
        "latest_charge",
        "payment_method",
    }
)
# Empty in what the offline Stripe makes, and free text at Stripe.
FREE_TEXTS = ("description", "receipt_email", "statement_descriptor", "failure_message", "failure_reason", "name")
ERRORS = {400: "invalid_request_error", 401: "invalid_request_error", 402: "card_error", 409: "api_error"}
ERRORS |= {429: "invalid_request_error", 500: "api_error"}
TEXTS_OF_AN_ERROR = (
    "advice_code",
    "code",
    "decline_code",
    "doc_url",
    "message",
    "network_advice_code",
    "network_decline_code",
    "param",
    "request_log_url",
)
HEADERS = ("Request-Id", "Original-Request", "Idempotency-Key", "Stripe-Version", "Stripe-Account", "Server", "Date")
PAGE = "https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_1&payment_intent_client_secret="


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop whose requests do not wait: what Stripe says is told at once."""
    settings = settings_for(database_url, tmp_path / "state", request_budget_seconds=0)
    async with open_shop(settings) as opened:
        yield opened


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    with all_lines(capfd) as opened:
        yield opened


class Stripe:
    """Stripe with secrets of one kind in all that it says."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.planter = Planter()

    def plant(self, place: str) -> str:
        return self.planter.plant(self.kind, place)

    def spoilt(self, value: Any, place: str) -> Any:
        """The same JSON with a secret in each of its texts."""
        match value:
            case dict():
                return self._spoilt_object(value, place)
            case list():
                return [self.spoilt(item, place) for item in value]
            case str() if place.endswith(("url", "stripe_js")) and not value.startswith("/v1/"):
                return PAGE + self.plant(place)
            case str():
                return self.plant(place)
        return value

    def _spoilt_object(self, value: Json, place: str) -> Json:
        spoilt = {
            name: item if name in STRUCTURE and isinstance(item, str) else self.spoilt(item, f"{place}.{name}")
            for name, item in value.items()
            if name != "metadata"
        }
        for name in FREE_TEXTS:
            if name in value and value[name] is None:
                spoilt[name] = self.plant(f"{place}.{name}")
        if "metadata" in value:
            secret = self.plant(f"{place}.metadata")
            spoilt["metadata"] = value["metadata"] | {secret: secret}
        return spoilt

    async def says_yes(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        """The answer with all its texts spoilt."""
        body = self.spoilt(response.json(), f"{request.method} {request.url.path}")
        return httpx.Response(response.status_code, json=body, headers=self._headers(request))

    def says_no(self, status: int) -> Any:
        """Instead of any answer, this error, with the intent in it when there was one."""

        async def answered(request: httpx.Request, response: httpx.Response) -> httpx.Response:
            place = f"{status} to {request.method} {request.url.path}"
            error: Json = {name: self.plant(f"{name} of {place}") for name in TEXTS_OF_AN_ERROR}
            body = response.json()
            if body.get("object") == "payment_intent":
                error["payment_intent"] = self.spoilt(body, place)
            headers = self._headers(request)
            return httpx.Response(status, json={"error": {"type": ERRORS[status], **error}}, headers=headers)

        return answered

    def crashes(self) -> Any:
        """A bug of a library's, which talks."""

        async def answered(request: httpx.Request, _: httpx.Response) -> httpx.Response:
            place = f"a crash on {request.method} {request.url.path}"
            try:
                raise ValueError(self.plant(place))
            except ValueError as error:
                raise RuntimeError(self.plant(place)) from error

        return answered

    def _headers(self, request: httpx.Request) -> list[tuple[str, str]]:
        place = f"{request.method} {request.url.path}"
        planted = [(name, self.plant(f"{name} of {place}")) for name in HEADERS]
        return [(name, secret) for name, secret in planted if secret.isascii()]


async def _age() -> None:
    await rows("UPDATE operation SET first_sent_at = first_sent_at - interval '61 s', due = now() WHERE due IS NOT NULL")
    await rows("UPDATE webhook_event SET due = now() WHERE due IS NOT NULL")


async def _all_acts(shop: Shop, prepared: list[Json]) -> list[str]:
    """Everything that makes us ask Stripe, once; what was answered."""
    order, open_one, held, canceled, paid = prepared
    given = {"orderId": order["id"], "expectedAmount": {"amount": 10_000, "currency": "USD"}, "confirm": True}
    given |= {"paymentMethodId": "pm_card_visa"}
    confirm = {"paymentId": open_one["id"], "paymentMethodId": "pm_card_visa"}
    answers = [
        await shop.buyer.do("createPayment", input=given, key=key()),
        await shop.buyer.do("confirmPayment", **confirm, returnUrl=None, key=key()),
        await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key()),
        await shop.staff.do("cancelPayment", input={"paymentId": canceled["id"]}, key=key()),
        await shop.refund(paid["id"], 1_000),
        await shop.staff.do("syncPayment", paymentId=paid["id"]),
    ]
    return [json.dumps(answer, ensure_ascii=False) for answer in answers]


async def _prepared(shop: Shop) -> list[Json]:
    held = await shop.pay(await shop.order(), captureMethod="MANUAL")
    return [
        {"id": await shop.order()},
        await shop.prepared(),
        held["payment"],
        await shop.prepared(),
        await shop.paid(),
    ]


async def _told(shop: Shop, schema: GraphQLSchema) -> str:
    """Everything that the staff can read in lists, to its last leaf."""
    texts = []
    for name, field in root_type(schema, "query").fields.items():
        if "first" in field.args or not field.args:
            size = "(first: 10)" if "first" in field.args else ""
            response = await shop.staff.post(f"{{ {name}{size} {selection(schema, field)} }}")
            assert "errors" not in response.json(), response.text
            texts.append(response.text)
    return "\n".join(texts)


async def _schema(shop: Shop) -> GraphQLSchema:
    return schema_of(await shop.staff.ask(INTROSPECTION))


@pytest.mark.parametrize("kind", KINDS)
async def test_no_error_of_stripes_leaks(shop: Shop, database_url: str, lines: Lines, kind: str) -> None:
    evil, schema = Stripe(kind), await _schema(shop)
    waiting = {status: await _prepared(shop) for status in ERRORS}
    answers: list[str] = []

    for status, prepared in waiting.items():
        shop.between.answered = evil.says_no(status)
        answers += await _all_acts(shop, prepared)
        await _age()
        await shop.parts.worker.drain()
        await shop.deliver()
    answers.append(await _told(shop, schema))

    assert len(evil.planter.places) > 500
    assert evil.planter.seen_in("\n".join(answers)) == []
    assert evil.planter.seen_in(lines.text) == []
    assert await evil.planter.seen_in_database(database_url) == {}
