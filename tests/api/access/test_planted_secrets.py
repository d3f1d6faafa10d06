"""Secrets are planted in every input, and searched in every output (scenario 46)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from graphql import GraphQLSchema

from domain.ids import Kind, encode
from domain.states import DiscrepancyKind
from models import Customer, Discrepancy, PaymentEvent, ReconciliationRun, WebhookEvent
from tests.reconcile.faults import reconcile
from tests.support.customers import begin_setup
from tests.support.inputs import INTROSPECTION, Place, places, request_for, root_type, schema_of, unreached_arguments
from tests.support.planted_secrets import E_MAIL, KINDS, Lines, Planter, all_lines
from tests.support.shop import STAFF, Client, Shop, key, token

# An e-mail address may stay where the field is for one: in the column it was sent to, and in the request to Stripe
# where it is meant for Stripe too. It appears in no other column, and in no log. Every other planted secret is refused
# and stored nowhere.
TO_STRIPE = "operation.params"
KEPT = {
    "registerOrder.input.externalId": {"orders.external_id"},
    "registerOrder.input.customerExternalId": {"customer.external_id"},
    "registerOrder.input.customerEmail": {"customer.email"},
    "registerOrder.input.customerName": {"customer.name"},
    "registerOrder.input.customerPhone": {"customer.phone"},
    "registerOrder.input.description": {"orders.description"},
    "registerOrder.input.metadata": {"orders.metadata"},
    **{f"registerOrder.input.shipping.{part}": {"orders.shipping"} for part in ("name", "phone", "line1", "line2")},
    **{f"registerOrder.input.shipping.{part}": {"orders.shipping"} for part in ("city", "state")},
    "registerOrder.input.lineItems.name": {"orders.line_items"},
    "registerOrder.input.lineItems.reference": {"orders.line_items"},
    "createPayment.input.receiptEmail": {"payment.receipt_email", TO_STRIPE},
    "createPayment.input.metadata": {"payment.metadata", TO_STRIPE},
    "createPayment.input.returnUrl": {TO_STRIPE},
    "confirmPayment.input.returnUrl": {TO_STRIPE},
    "confirmPayment.returnUrl": {TO_STRIPE},
    "refundPayment.input.note": {"refund.note"},
    "refundPayment.input.metadata": {"refund.metadata", TO_STRIPE},
    "resolveDiscrepancy.resolution": {"discrepancy.resolution"},
}
# A name in a document cannot hold these characters, so such a key cannot be written as a literal.
NOT_A_NAME = "metadata (its keys) as a literal"


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    with all_lines(capfd) as opened:
        yield opened


class StockedShop:
    """A shop with one of everything; stocked up, it has as many orders and open payments as a sweep uses up."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.client = Client(shop.http, token("buyer", f"{STAFF} payments:pay"))
        self.schema: GraphQLSchema
        self.places: list[Place]
        self._fixed: dict[str, Any] = {}
        self._used_up: dict[str, list[str]] = defaultdict(list)
        self._run: ReconciliationRun

    async def open(self) -> None:
        """Create the objects, and read the schema."""
        self.schema = schema_of(await self.client.ask(INTROSPECTION))
        self.places = list(places(self.schema))
        paid = await self.shop.paid(1_000_000)
        held = await self.shop.pay(await self.shop.order(), captureMethod="MANUAL")
        declined = await self.shop.pay(await self.shop.order(), method="pm_card_chargeDeclined")
        setup = await begin_setup(self.shop)
        await self.shop.deliver()
        run = await reconcile(self.shop)
        customer, event, inbox = await Customer.first(), await PaymentEvent.first(), await WebhookEvent.first()
        assert customer is not None
        assert event is not None
        assert inbox is not None
        self._fixed = {
            "Order": paid["order"]["id"],
            "Customer": encode(Kind.CUSTOMER, customer.id),
            "Payment": declined["payment"]["id"],
            "Operation": declined["operation"]["id"],
            "PaymentEvent": encode(Kind.EVENT, event.id),
            "SetupIntent": setup["setupIntent"]["id"],
            "ReconciliationRun": encode(Kind.RUN, run.id),
            "syncPayment.paymentId": paid["id"],
            "payment.id": paid["id"],
            "capturePayment.input.paymentId": held["payment"]["id"],
            "refundPayment.input.paymentId": paid["id"],
            "refundPayment.input.amount": {"amount": 100, "currency": "USD"},
            "confirmPayment.input.paymentMethodId": "pm_card_visa",
            "confirmPayment.paymentMethodId": "pm_card_visa",
            "createPayment.input.paymentMethodId": "pm_card_visa",
            "createPayment.input.confirm": True,
            "registerOrder.input.shipping.country": "DE",
            "replayWebhookEvents.ids": [encode(Kind.WEBHOOK, inbox.id)],
        }
        self._run = run
        await self._add(1)

    async def stock_up(self) -> None:
        """Create enough objects for each place to be tested twice in a request that succeeds otherwise."""
        await self._add(2 * max(Counter(place.field for place in self.places if place.root == "mutation").values()))

    async def _add(self, times: int) -> None:
        for _ in range(times):
            self._used_up["createPayment.input.orderId"].append(await self.shop.order())
            self._used_up["confirmPayment.input.paymentId"].append((await self.shop.prepared())["id"])
            self._used_up["confirmPayment.paymentId"].append((await self.shop.prepared())["id"])
            self._used_up["cancelPayment.input.paymentId"].append((await self.shop.prepared())["id"])
            self._used_up["resolveDiscrepancy.id"].append(await _finding(self._run))

    def known(self, dotted: str, place: Place) -> Any:
        """Return the other values of a request, so that it gets as far as it can."""
        if _excluded_by(place, dotted):
            raise LookupError
        if dotted in self._used_up:
            left = self._used_up[dotted]
            return left.pop() if len(left) > 1 else left[0]
        if dotted.endswith(("idempotencyKey", "xternalId", "operation.key")):
            if dotted == "order.externalId":
                raise LookupError
            return key()
        return self._fixed[dotted]

    async def send(self, place: Place, secret: str, *, literal: bool) -> httpx.Response:
        """Send one request with a secret at this place."""
        request = request_for(self.schema, place, secret, lambda dotted: self.known(dotted, place), literal=literal)
        return await self.client.post(request.query, request.variables)


def _excluded_by(place: Place, dotted: str) -> bool:
    """Return True for a value that may not stand beside the planted one: the request would be refused for both."""
    if place.field == ("confirmPayment",):  # as clients send it now, or as those of the last release do
        in_input = not place.path or place.path[0] == "input"
        if dotted.startswith("confirmPayment.input") != in_input and not dotted.endswith("idempotencyKey"):
            return True
    is_token = bool(place.path) and place.path[-1] in ("confirmationTokenId", "sharedPaymentToken")
    return is_token and dotted.endswith("paymentMethodId")


async def _finding(run: ReconciliationRun) -> str:
    row = await Discrepancy.create(run_id=run.id, livemode=False, kind=DiscrepancyKind.WEBHOOK_GAP, subject=key())
    return encode(Kind.DISCREPANCY, row.id)


@pytest.fixture
async def stocked(shop: Shop) -> StockedShop:
    opened = StockedShop(shop)
    await opened.open()
    return opened


def _dressed(place: Place, secret: str) -> str:
    """Wrap the secret so that it passes the first check at this place."""
    match place.path[-1]:
        case "returnUrl":
            return f"https://shop.example/thanks?of={secret}"
        case "paymentMethodId":
            return f"pm_{secret}"
        case "confirmationTokenId":
            return f"ctoken_{secret}"
        case "sharedPaymentToken":
            return f"spt_{secret}"
    return secret


@pytest.mark.parametrize("kind", KINDS)
async def test_scenario_46_what_is_planted_in_any_input_is_refused_and_stays_nowhere(
    stocked: StockedShop, database_url: str, lines: Lines, kind: str
) -> None:
    planter = Planter()
    answered: list[str] = []
    accepted: list[str] = []
    if kind == E_MAIL:  # all others are refused before anything is done
        await stocked.stock_up()

    for place in stocked.places:
        for form in ("variable", "literal"):
            name = f"{place} as a {form}"
            secret = _dressed(place, planter.plant(kind, name))
            response = await stocked.send(place, secret, literal=form == "literal")
            assert response.status_code in (200, 400), (name, response.text)
            if f"{kind} in {name}" in planter.seen_in_answer(response) and not (kind == E_MAIL and str(place) in KEPT):
                answered.append(name)
            if "SENSITIVE_DATA_REFUSED" not in response.text and NOT_A_NAME not in name:
                accepted.append(name)

    stored = await planter.seen_in_database(database_url)
    assert answered == []
    assert planter.seen_in(lines.text) == []
    if kind == E_MAIL:
        forms = ("variable", "literal")
        assert stored == {
            f"{kind} in {place} as a {form}": columns for place, columns in KEPT.items() for form in forms
        }
    else:
        assert stored == {}
        assert accepted == []


async def test_the_planting_reaches_every_field_and_every_argument(stocked: StockedShop) -> None:
    """Without a secret each request is valid: a planted one is refused for the secret alone."""
    fields = {place.field: place for place in stocked.places}
    roots = {("query", name) for name in root_type(stocked.schema, "query").fields}
    roots |= {("mutation", name) for name in root_type(stocked.schema, "mutation").fields}
    reached = {(place.root, place.field[0]) for place in stocked.places}
    without_arguments = {(root, name) for root, name in roots if not root_type(stocked.schema, root).fields[name].args}

    answers = {
        (place.field, literal): await stocked.send(Place(place.root, place.field, ()), "", literal=literal)
        for place in fields.values()
        for literal in (False, True)
    }

    assert roots - without_arguments <= reached
    assert unreached_arguments(stocked.schema) == set()
    errors = {place: answer.json().get("errors", ()) for place, answer in answers.items()}
    assert {place: found for place, found in errors.items() if any("path" not in error for error in found)} == {}


# Places of a document for a word that is no value. An alias is left out: the answer has to repeat it.
WORDS = {
    "comment": "# {}\n{{ viewer {{ scopes }} }}",
    "operation name": "query {} {{ viewer {{ scopes }} }}",
    "field": "{{ viewer {{ {} }} }}",
    "argument": "{{ order({}: 1) {{ id }} }}",
    "fragment name": "{{ viewer {{ ...{} }} }}",
    "type condition": "{{ viewer {{ ... on {} {{ kind }} }} }}",
    "directive": "{{ viewer {{ scopes @{} }} }}",
    "variable name": "query (${}: Int) {{ viewer {{ scopes }} }}",
    "variable type": "query ($a: {}) {{ viewer {{ scopes }} }}",
    "variable default": 'query ($a: String = "{}") {{ order(externalId: $a) {{ id }} }}',
    "enum value": '{{ operation(key: "k", kind: {}) {{ id }} }}',
    "number with text": "{{ payments(first: 1{}) {{ totalCount }} }}",
    "unfinished text": '{{ order(externalId: "{}) {{ id }} }}',
    "description": '"""{}""" {{ viewer {{ scopes }} }}',
    "instead of a document": "{}",
}
BODIES = {
    "operationName": {"query": "{ viewer { scopes } }", "operationName": "{}"},
    "extensions": {"query": "{ viewer { scopes } }", "extensions": {"persistedQuery": {"sha256Hash": "{}"}}},
    "unknown variable": {"query": "{ viewer { scopes } }", "variables": {"more": "{}"}},
    "name of a variable": {"query": "{ viewer { scopes } }", "variables": {"{}": 1}},
    "unknown member": {"query": "{ viewer { scopes } }", "more": {"{}": ["{}"]}},
    "no object": ["{}"],
    "no query": {"query": {"{}": "{}"}},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_no_other_part_of_a_request_is_repeated_logged_or_stored(
    shop: Shop, database_url: str, lines: Lines, kind: str
) -> None:
    planter = Planter()
    answered: list[str] = []

    async def post(place: str, body: bytes, **headers: str) -> None:
        given = {"Authorization": f"Bearer {shop.staff.token}", "Content-Type": "application/json", **headers}
        response = await shop.http.post("/graphql", content=body, headers=given)
        answered.extend(planter.seen_in_answer(response))

    for place, text in WORDS.items():
        for dressed in ("{}", "x_{}"):  # a number is no name, and so not even parsed as one
            query = text.format(dressed.format(planter.plant(kind, place)))
            await post(place, json.dumps({"query": query}).encode())
            by_get = await shop.http.get("/graphql", params={"query": query})
            answered.extend(planter.seen_in_answer(by_get))
    for place, body in BODIES.items():
        await post(place, json.dumps(body, ensure_ascii=False).replace("{}", planter.plant(kind, place)).encode())
    secret = planter.plant(kind, "a body that is no JSON")
    await post("no JSON", f'{{"query": "{secret}'.encode())
    await post("no UTF-8", secret.encode() + b"\xff")
    await post("a form", f"query={secret}".encode(), **{"Content-Type": "application/x-www-form-urlencoded"})

    assert answered == []
    assert planter.seen_in(lines.text) == []
    assert await planter.seen_in_database(database_url) == {}


# Headers that we or our libraries read, each alone: a refusal for one of them would hide the others.
READ = {
    "Authorization": ("{}", "Bearer {}", "Bearer {} {}", "Basic {}"),
    "Stripe-Signature": ("{}", "t=1,v1={}", "t={},v1=0"),
    "Content-Type": ("{}", "application/json; charset={}"),
    "Content-Encoding": ("{}",),
    "Accept": ("{}", "{}/json"),
    "Host": ("{}",),
    "Origin": ("{}", "https://{}"),
    "Access-Control-Request-Headers": ("{}",),
}
UNREAD: tuple[str, ...] = (
    "Cookie",
    "User-Agent",
    "Referer",
    "X-Request-Id",
    "X-Forwarded-For",
    "Forwarded",
    "Idempotency-Key",
)
UNREAD += ("Traceparent", "Accept-Language", "If-None-Match", "Access-Control-Request-Method", "Upgrade", "X-Whatever")
ENDPOINTS = ("/graphql", "/webhooks/stripe", "/healthz", "/readyz", "/schema.graphql", "/_sandbox/faults", "/nothing")


@pytest.mark.parametrize("kind", KINDS)
async def test_no_header_path_or_query_string_is_repeated_logged_or_stored(
    shop: Shop, database_url: str, lines: Lines, kind: str
) -> None:
    planter = Planter()
    answered: set[str] = set()

    async def ask(method: str, url: str, **headers: str) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        response = await shop.http.request(method, url, headers=raw, content=b"{}" if method == "POST" else b"")
        assert response.status_code != 500, (method, url, response.text)
        answered.update(planter.seen_in_answer(response))

    for method, endpoint in product(("GET", "POST", "OPTIONS"), ENDPOINTS):
        for name, shapes in READ.items():
            for shape in shapes:
                secret = planter.plant(kind, f"{name} of {method} {endpoint}")
                await ask(method, endpoint, **{name: shape.replace("{}", secret)})
        await ask(method, endpoint, **{name: planter.plant(kind, f"{name} of {method} {endpoint}") for name in UNREAD})
        secret = quote(planter.plant(kind, f"query string or path of {method} {endpoint}"))
        for url in (
            f"{endpoint}?token={secret}",
            f"{endpoint}?{secret}",
            f"{endpoint}/{secret}",
            f"{endpoint}/?token={secret}",
        ):
            await ask(method, url)

    assert answered == set()
    assert planter.seen_in(lines.text) == []
    assert await planter.seen_in_database(database_url) == {}
