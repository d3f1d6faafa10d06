"""Scenarios 43 to 47 over every transport: a refusal by POST is one by GET, as a stream and over WebSocket too."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from models import Operation, Payment
from tests.live.following import served
from tests.support.shop import Json, Shop, key, open_shop, settings_for

WAYS: Final = ("POST", "GET", "POST as events", "GET as events", "WebSocket")
MAY_ACT: Final = ("POST", "POST as events")
CARD: Final = "4242424242424242"
NAME: Final = "caf\u00e9 \U0001f9fe"

AMOUNT = "query A($amount: MinorUnits!) { payments(filter: {amount: {gte: $amount}}) { nodes { id } } }"
ORDER = "query O($id: ID, $name: String) { order(id: $id, externalId: $name) { id } }"
CREATE = """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
  createPayment(input: $input, idempotencyKey: $key) { errors { code } payment { id } } }"""
WHY: Final = """query W($id: ID!) { payment(id: $id) {
  lastError { message ... on CardDeclinedError { customerMessage } } } }"""
NOTHING: Final[Json] = {"order": None}


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """Open the whole application with the offline Stripe."""
    async with open_shop(settings_for(database_url, tmp_path / "state")) as opened:
        yield opened


async def send(address: str, way: str, token: str | None, query: str, variables: Json, *, language: str = "en") -> Json:
    """Send an operation over this transport and return its one answer: `data`, `errors` or both."""
    asked = {"query": query, "variables": variables}
    if way == "WebSocket":
        return await _by_socket(address, token, asked, language)
    method, _, events = way.partition(" as ")
    headers = {"Accept": "text/event-stream" if events else "application/json", "Authorization": f"Bearer {token}"}
    headers["Accept-Language"] = language
    async with httpx.AsyncClient(base_url=address.replace("ws:", "http:"), trust_env=False) as http:
        if method == "GET":
            parameters = {"query": query, "variables": json.dumps(variables)}
            response = await http.get("/graphql", params=parameters, headers=headers)
        else:
            headers["Content-Type"] = "application/json"
            response = await http.post("/graphql", content=json.dumps(asked), headers=headers)
    assert response.status_code < 500, response.text
    answer: Json
    if response.headers["content-type"].startswith("text/event-stream"):
        opening, event, complete, rest = response.text.split("\n\n")
        assert (opening, complete, rest) == (":", "event: complete\ndata: ", "")
        answer = json.loads(event.removeprefix("event: next\ndata: "))
    else:
        answer = response.json()
    return answer


async def _by_socket(address: str, token: str | None, asked: Json, language: str) -> Json:
    async with connect(
        f"{address}/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers={"Accept-Language": language},
        proxy=None,
        close_timeout=1,
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
        try:
            message = json.loads(await socket.recv())
        except ConnectionClosed as closed:  # the protocol's own refusal of a frame that is no message
            return {"closed": closed.rcvd and closed.rcvd.code}
    answer: Json = {"errors": message["payload"]} if message["type"] == "error" else message["payload"]
    return answer


def reasons(answer: Json) -> set[str]:
    """Return the reasons of its errors, each checked for the shape that every error has."""
    errors: list[Json] = answer["errors"]
    assert all(error["extensions"]["requestId"].startswith("req_") for error in errors)
    return {str(error["extensions"].get("reason", error["extensions"]["code"])) for error in errors}


@dataclass(frozen=True)
class Question:
    """A question, and its answer over every transport: data, or the reason of a refusal."""

    query: str
    answer: Json | str
    variables: Json = field(default_factory=dict)


QUESTIONS: Final[dict[str, Question]] = {
    "43: more than 32 bits": Question(AMOUNT, {"payments": {"nodes": []}}, {"amount": 3_000_000_000}),
    "43: a decimal in a string": Question(AMOUNT, "VALIDATION_FAILED", {"amount": "10.00"}),
    "43: a fraction": Question(AMOUNT, "VALIDATION_FAILED", {"amount": 10.5}),
    "43: a whole float": Question(AMOUNT, "VALIDATION_FAILED", {"amount": 1e3}),
    "43: a truth": Question(AMOUNT, "VALIDATION_FAILED", {"amount": True}),
    "43: beyond 53 bits": Question(AMOUNT, "VALIDATION_FAILED", {"amount": 2**53}),
    "43: an exponent in the document": Question(
        "{ payments(filter: {amount: {gte: 1e3}}) { nodes { id } } }", "VALIDATION_FAILED"
    ),
    "44: an order of somebody else": Question(ORDER, NOTHING, {"id": "@ORDER"}),
    "44: its name": Question(ORDER, NOTHING, {"name": "@NAME"}),
    "44: as a node": Question("query N($id: ID!) { node(id: $id) { id } }", {"node": None}, {"id": "@ORDER"}),
    "45: NUL": Question(ORDER, "VALIDATION_FAILED", {"name": "a\x00b"}),
    "45: half of a character": Question(ORDER, "INVALID_JSON", {"name": "\ud83d"}),
    "45: a mark that turns the direction": Question(ORDER, "VALIDATION_FAILED", {"name": "a\u202eb"}),
    "45: four bytes": Question(ORDER, NOTHING, {"name": "\U0001f4b3"}),
    "46: a card number in a variable": Question(ORDER, "SENSITIVE_DATA_REFUSED", {"name": CARD}),
    "46: in a name of one": Question(ORDER, "SENSITIVE_DATA_REFUSED", {CARD: "x"}),
    "46: in the document": Question(f'{{ order(externalId: "{CARD}") {{ id }} }}', "SENSITIVE_DATA_REFUSED"),
    "46: in a comment": Question(f"{{ viewer {{ scopes }} }} # {CARD}", "SENSITIVE_DATA_REFUSED"),
    "47: hundreds of aliases": Question(
        "{ " + " ".join(f"a{number}: viewer {{ scopes }}" for number in range(300)) + " }", "FIELD_LIMIT"
    ),
    "47: a page of pages": Question(
        "{ payments(first: 100) { nodes { order { payments(first: 100) { nodes { id version } } } } } }", "COST_LIMIT"
    ),
}


def test_the_questions_are_of_each_scenario() -> None:
    assert {name[:2] for name in QUESTIONS} == {"43", "44", "45", "46", "47"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_bad_question_is_answered_alike_over_every_transport(
    shop: Shop, way: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    order_id = await shop.order()
    named = await shop.staff.ask("query O($id: ID!) { order(id: $id) { externalId } }", id=order_id)
    real = {"@ORDER": order_id, "@NAME": named["order"]["externalId"]}

    async with served(shop.app) as address:
        for name, asked in QUESTIONS.items():
            variables = {k: real.get(str(value), value) for k, value in asked.variables.items()}
            answer = await send(address, way, shop.stranger.token, asked.query, variables)
            if isinstance(asked.answer, dict):
                assert answer == {"data": asked.answer}, name
            elif asked.answer == "INVALID_JSON" and way == "WebSocket":
                assert answer == {"closed": 4400}, name
            elif asked.answer == "INVALID_JSON":
                assert reasons(answer) <= {"INVALID_JSON", "INVALID_REQUEST"}, name
            else:
                assert reasons(answer) == {asked.answer}, (name, answer)
            assert CARD not in json.dumps(answer), name

    ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]  # which is the client here
    assert CARD not in "".join([*ours, *capsys.readouterr()])


@pytest.mark.parametrize("way", WAYS)
async def test_45_one_name_in_two_forms_is_one_order_over_every_transport(shop: Shop, way: str) -> None:
    payload = await shop.staff.do(
        "registerOrder", input={"externalId": NAME, "total": {"amount": 1_000, "currency": "USD"}}, key=key()
    )

    async with served(shop.app) as address:
        answer = await send(address, way, shop.staff.token, ORDER, {"name": "cafe\u0301 \U0001f9fe"})

    assert answer == {"data": {"order": {"id": payload["order"]["id"]}}}


def creating(order_id: str, amount: object = 10_000, **more: Any) -> Json:
    given = {"orderId": order_id, "expectedAmount": {"amount": amount, "currency": "USD"}, **more}
    return {"input": {"paymentMethodId": "pm_card_visa", "confirm": True, **given}, "key": key()}


@pytest.mark.parametrize("way", WAYS)
async def test_a_bad_payment_is_refused_over_every_transport_and_nothing_is_called(shop: Shop, way: str) -> None:
    order_id, others = await shop.order(), await shop.order(customer="stranger")
    two = CREATE.replace("createPayment", "a: createPayment", 1)
    two = two.rstrip("} ") + "} } b: createPayment(input: $input, idempotencyKey: $key) { errors { code } } }"
    bad: dict[str, tuple[str, Json, str]] = {
        "43": (CREATE, creating(order_id, 1e3), "VALIDATION_FAILED"),
        "44: a lowered amount": (CREATE, creating(order_id, 100), "AMOUNT_MISMATCH"),
        "44: an order of somebody else": (CREATE, creating(others), "NOT_FOUND"),
        "45": (CREATE, creating(order_id, metadata={"note": "a\x00b"}), "VALIDATION_FAILED"),
        "46: metadata": (CREATE, creating(order_id, metadata={"note": CARD}), "SENSITIVE_DATA_REFUSED"),
        "46: the key": (CREATE, {**creating(order_id), "key": CARD}, "SENSITIVE_DATA_REFUSED"),
        "47": (two, creating(order_id), "ONE_MUTATION"),
    }
    if way not in MAY_ACT:
        bad["a good payment over this transport"] = (CREATE, creating(order_id), "METHOD_NOT_ALLOWED")

    async with served(shop.app) as address:
        for name, (query, variables, refusal) in bad.items():
            answer = await send(address, way, shop.buyer.token, query, variables)
            if (answer.get("data") or {}).get("createPayment"):
                found = {error["code"] for error in answer["data"]["createPayment"]["errors"]}
            else:
                found = reasons(answer)
            assert found == {refusal} if way in MAY_ACT else found <= {refusal, "METHOD_NOT_ALLOWED"}, (name, answer)

    assert shop.sandbox.snapshot().requests == []
    assert await Payment.all().count() == 0
    assert await Operation.filter(kind="CREATE_PAYMENT").count() == 0


@pytest.mark.parametrize("way", WAYS)
async def test_the_language_that_is_accepted_is_the_answers_over_every_transport(shop: Shop, way: str) -> None:
    declined = await shop.pay(await shop.order(), method="pm_card_chargeDeclinedExpiredCard")
    variables = {"id": declined["payment"]["id"]}

    async with served(shop.app) as address:
        answers = [
            await send(address, way, shop.buyer.token, WHY, variables, language=language)
            for language in ("pt-BR,pt;q=0.9,en;q=0.8", "de", "sv")
        ]

    english = "The card has expired. Please use another payment method."
    assert [answer["data"]["payment"]["lastError"] for answer in answers] == [
        {"message": english, "customerMessage": "O cartão expirou. Por favor, utilize outro método de pagamento."},
        {
            "message": english,
            "customerMessage": "Die Karte ist abgelaufen. Bitte verwenden Sie eine andere Zahlungsmethode.",
        },
        {"message": english, "customerMessage": english},
    ]
