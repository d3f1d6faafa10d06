"""Secrets in Stripe's errors, answers and webhooks are never kept, logged or passed on (scenario 46)."""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema

from database.statements import query_rows
from models import WebhookEvent
from tests.reconcile.faults import intent_of, reconcile
from tests.support.inputs import INTROSPECTION, root_type, schema_of, selection
from tests.support.planted_secrets import KINDS, Lines, Planter, all_lines
from tests.support.shop import MUTATIONS, WEBHOOK_SECRET, Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

# The values of these fields decide what happens; secrets are planted in all other texts of an object.
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
# Empty in the offline Stripe's objects, and free text at Stripe.
FREE_TEXTS = ("description", "receipt_email", "statement_descriptor", "failure_message", "failure_reason", "name")
ERRORS = {400: "invalid_request_error", 401: "invalid_request_error", 402: "card_error", 429: "api_error"}
ERRORS |= {500: "api_error"}
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
# One disguise of a card stands for all: tests/domain/test_card_disguises.py checks each of them.
SAID = [kind for kind in KINDS if not kind.startswith("card ") or kind == "card in full width"]
WHY = {"reason": "OTHER"}
PAGE = "https://shop.example/"
FOR_THE_PAYER = (".client_secret", ".redirect_to_url.url", ".use_stripe_sdk.stripe_js")
PAGE = "https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_1&payment_intent_client_secret="


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    with all_lines(capfd) as opened:
        yield opened


class Stripe:
    """Stripe with secrets of one kind in all of its texts."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.planter = Planter()

    def plant(self, place: str) -> str:
        return self.planter.plant(self.kind, place)

    def spoilt(self, value: Any, place: str) -> Any:
        """Return the same JSON with a secret in each of its texts."""
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
        """Return the answer with a secret in each of its texts."""
        body = self.spoilt(response.json(), f"{request.method} {request.url.path}")
        return httpx.Response(response.status_code, json=body, headers=self._headers(request))

    def says_no(self, status: int) -> Any:
        """Answer this error instead, with the intent in it when there was one."""

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
        """Raise a library's exception whose text holds a secret."""

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
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - interval '61 s', due = now() WHERE due IS NOT NULL"
    )
    await query_rows("UPDATE webhook_event SET due = now() WHERE due IS NOT NULL")


async def _all_acts(shop: Shop, prepared: list[Json]) -> list[str]:
    """Run everything that calls Stripe, once; returns the answers."""
    order, open_one, held, canceled, paid = (thing["id"] for thing in prepared)
    new = {"orderId": order, "expectedAmount": {"amount": 10_000, "currency": "USD"}, "confirm": True}
    acts: list[tuple[str, Json]] = [
        ("createPayment", {"input": new | {"paymentMethodId": "pm_card_visa"}}),
        ("confirmPayment", {"paymentId": open_one, "paymentMethodId": "pm_card_visa", "returnUrl": PAGE}),
        ("capturePayment", {"input": {"paymentId": held}}),
        ("cancelPayment", {"input": {"paymentId": canceled}}),
        ("refundPayment", {"input": {"paymentId": paid, "amount": {"amount": 100, "currency": "USD"}} | WHY}),
        ("syncPayment", {"paymentId": paid}),
    ]
    answers = []
    for name, given in acts:
        declared, arguments, fields = MUTATIONS[name]
        query = f"mutation M{declared} {{ {name}{arguments} {{ {fields} }} }}"
        answers.append((await shop.staff.post(query, given | {"key": key()})).text)
    return answers


async def _prepared(shop: Shop, paid: Json | None = None) -> list[Json]:
    """Create the objects of one round: an order, three open payments, and a paid one."""
    held = await shop.pay(await shop.order(), captureMethod="MANUAL")
    return [
        {"id": await shop.order()},
        await shop.prepared(),
        held["payment"],
        await shop.prepared(),
        paid or await shop.paid(),
    ]


async def _told(shop: Shop, schema: GraphQLSchema) -> str:
    """Read everything that the staff can read in lists, to its last leaf."""
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


@pytest.mark.parametrize("kind", SAID)
async def test_no_error_of_stripes_leaks(shop: Shop, database_url: str, lines: Lines, kind: str) -> None:
    evil, schema = Stripe(kind), await _schema(shop)
    paid = await shop.paid()
    waiting = {status: await _prepared(shop, paid) for status in ERRORS}
    await shop.sandbox.deliver_due()
    answers: list[str] = []

    for status, prepared in waiting.items():
        shop.between.answered = evil.says_no(status)
        answers += await _all_acts(shop, prepared)
        await _age()
        while await shop.runtime.worker.run_next():
            pass
    await shop.sandbox.deliver_due()
    await _apply_each(shop)
    answers.append(await _told(shop, schema))

    assert len(evil.planter.places) > 500
    assert evil.planter.seen_in("\n".join(answers)) == []
    assert evil.planter.seen_in(lines.text) == []
    assert await evil.planter.seen_in_database(database_url) == {}


@pytest.mark.parametrize("kind", SAID)
async def test_no_answer_of_stripes_leaks(shop: Shop, database_url: str, lines: Lines, kind: str) -> None:
    evil, schema = Stripe(kind), await _schema(shop)
    prepared = await _prepared(shop)
    shop.between.answered = evil.says_yes

    told_to_payer = await shop.pay(
        await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example/back"
    )
    await shop.pay(await shop.order(), method="pm_card_authenticationRequired")
    answers = await _all_acts(shop, prepared)
    await shop.pay(await shop.order(), method="pm_card_visa_chargeDeclined")
    await shop.stripe("refunds", {"payment_intent": await intent_of(prepared[4]), "amount": 2_000})
    await shop.stripe("disputes", {"payment_intent": await intent_of(prepared[4])})
    await shop.runtime.worker.poll()
    await _age()
    await shop.runtime.worker.drain()
    await reconcile(shop)
    answers.append(await _told(shop, schema))

    assert told_to_payer["payment"]["status"] == "REQUIRES_ACTION"
    assert len(evil.planter.places) > 500
    seen = [place for place in evil.planter.seen_in("\n".join(answers)) if not place.endswith(FOR_THE_PAYER)]
    assert seen == []
    assert evil.planter.seen_in(lines.text) == []
    assert await evil.planter.seen_in_database(database_url) == {}


@pytest.mark.parametrize("kind", SAID)
async def test_a_library_that_crashes_talking_is_not_quoted(
    shop: Shop, database_url: str, lines: Lines, kind: str
) -> None:
    evil = Stripe(kind)
    prepared = await _prepared(shop)
    await shop.sandbox.deliver_due()
    shop.between.answered = evil.crashes()
    answers: list[str] = []

    answers += await _all_acts(shop, prepared)
    await shop.runtime.worker.drain()
    for work in (shop.runtime.worker.poll, lambda: reconcile(shop)):
        with pytest.raises(RuntimeError) as crash:
            await work()
        logging.getLogger("somebody").exception("it crashed", exc_info=crash.value)

    told = ("Something went wrong on our side.", "Stripe has not told us whether this happened.")
    assert all(any(words in answer for words in told) for answer in answers), answers
    assert len(evil.planter.places) > 10
    assert evil.planter.seen_in("\n".join(answers)) == []
    assert "builtins.RuntimeError" in lines.text
    assert evil.planter.seen_in(lines.text) == []
    assert await evil.planter.seen_in_database(database_url) == {}


@pytest.mark.parametrize("kind", SAID)
async def test_no_webhook_leaks(shop: Shop, database_url: str, lines: Lines, kind: str) -> None:
    evil, schema = Stripe(kind), await _schema(shop)
    await _business(shop)
    events = {event["type"]: event for event in shop.sandbox.snapshot().events}
    answers: list[httpx.Response] = []

    async def post(raw: bytes, header: str | None) -> None:
        answers.append(await shop.webhook(raw, header))

    for name, event in events.items():
        secret = evil.plant(f"a key of {name}")
        spoilt = evil.spoilt(event | {secret: secret, "more": [secret, {secret: {secret: [secret]}}]}, name)
        raw = json.dumps(spoilt).encode()
        await post(raw, _signed(raw))
        await post(raw, _signed(raw, "whsec_somebody_else"))
        await post(raw[:-9], _signed(raw[:-9]))
    for name in ("payment_intent.payment_failed", "refund.created"):
        for raw in _without_structure(evil, events[name], name):
            await post(raw, _signed(raw))
    for number, raw in enumerate(_malformed(evil)):
        await post(raw, _signed(raw))
        await post(b"{}", f"t=1,v1={evil.plant(f'signature {number}')}".encode("ascii", "ignore").decode())
    await _apply_each(shop)
    told = await _told(shop, schema)

    assert {response.status_code for response in answers} == {200, 400}
    assert [place for response in answers for place in evil.planter.seen_in_answer(response)] == []
    assert evil.planter.seen_in(told) == []
    assert evil.planter.seen_in(lines.text) == []
    assert await evil.planter.seen_in_database(database_url) == {}


async def _apply_each(shop: Shop) -> None:
    """Let the worker try each event once; failed ones stay for later."""
    for _ in range(await WebhookEvent.all().count()):
        await shop.runtime.worker.apply_next()


def _without_structure(evil: Stripe, event: Json, of: str) -> Iterator[bytes]:
    """Yield the event with a secret in each of the texts that identify it."""
    for name in ("id", "type", "account", "api_version", "object", "created", "livemode", "data"):
        yield json.dumps(event | {"id": f"evt_{key()}"} | {name: evil.plant(f"{name} of {of}")}).encode()
    for name in ("id", "object", "payment_intent", "status", "charge", "currency", "metadata"):
        thing = event["data"]["object"] | {name: evil.plant(f"{name} of the object of {of}")}
        yield json.dumps(event | {"id": f"evt_{key()}", "data": {"object": thing}}).encode()


def _malformed(evil: Stripe) -> Iterator[bytes]:
    secret = evil.plant("malformed").encode()
    yield secret
    yield b'{"' + secret + b'": '
    yield b'["' + secret + b'"]'
    yield b'"' + secret + b'"'
    yield b'{"object": "event", "id": "' + secret + b'"}'
    yield secret + b"\xff\xfe"
    yield b'{"a":' * 5_000 + b'"' + secret + b'"'


def _signed(raw: bytes, secret: str = WEBHOOK_SECRET) -> str:
    digest = hmac.new(secret.encode(), f"{int(time.time())}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={int(time.time())},v1={digest}"


async def _business(shop: Shop) -> None:
    """Create objects of every kind, for their events."""
    paid = await shop.paid()
    await shop.refund(paid["id"], 1_000)
    await shop.stripe("disputes", {"payment_intent": await intent_of(paid)})
    await shop.pay(await shop.order(), method="pm_card_visa_chargeDeclined")
    await shop.pay(await shop.order(), method="pm_card_authenticationRequired")
    await shop.pay(await shop.order(), captureMethod="MANUAL")
    open_one = await shop.prepared()
    await shop.staff.do("cancelPayment", input={"paymentId": open_one["id"]}, key=key())
