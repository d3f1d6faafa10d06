"""One order with two successive owners, and every kind of object on it, in every state that this allows.

The first owner was declined and gave up; the second was declined, paid, got a refund, and has four more orders.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from database.statements import query_rows
from domain.ids import Kind, encode
from tests.support.as_stripe_says import intent_id, reconciled
from tests.support.customers import browser_sets_up
from tests.support.edges import Answered, Call, Secrets, by_id, own
from tests.support.shop import STAFF, Client, Json, Shop, key, token

FIRST, SECOND, CLERK = "first-owner-ada", "second-owner-ben", "clerk-carol"
FIRST_PRICE, SECOND_PRICE = 10_000, 7_700
REFUNDED, FOUND_REFUNDED, LOST_REFUND = 610, 330, 420
WAITING_PRICE, EARLIER_PRICE, CHANGED_PRICE, CHANGED_TO, HELD_PRICE = 5_300, 3_700, 4_100, 4_900, 2_900
AWAY_PRICE: Final = 6_100
NOTE, EVIDENCE = "goodwill for the late parcel", "seen in the Dashboard by Carol"
DAY: Final = 21 * 3_600  # seconds; Stripe no longer remembers a key then
TABLES: Final = {
    "Order": (Kind.ORDER, "orders"),
    "Payment": (Kind.PAYMENT, "payment"),
    "Refund": (Kind.REFUND, "refund"),
    "Customer": (Kind.CUSTOMER, "customer"),
    "SavedPaymentMethod": (Kind.METHOD, "saved_payment_method"),
    "SetupIntent": (Kind.SETUP, "setup_intent"),
    "Operation": (Kind.OPERATION, "operation"),
    "PaymentEvent": (Kind.EVENT, "payment_event"),
    "WebhookEvent": (Kind.WEBHOOK, "webhook_event"),
    "ReconciliationRun": (Kind.RUN, "reconciliation_run"),
    "Discrepancy": (Kind.DISCREPANCY, "discrepancy"),
}


@dataclass
class World:
    """The built objects. `acts` are the mutations that built them, each with its caller."""

    shop: Shop
    order_id: str = ""
    first: str = ""  # payments
    second: str = ""
    waiting: str = ""
    held: str = ""
    acts: list[tuple[str, Call]] = field(default_factory=list)
    answered: Answered = field(default_factory=Answered)
    views: dict[str, Client] = field(default_factory=dict)

    def client(self, who: str) -> Client:
        return Client(self.shop.http, token(who, STAFF if who == CLERK else "payments:pay"))

    async def act(self, who: str, mutation: str, **arguments: Any) -> Json:
        """Send one mutation, remember it, and return its payload."""
        call = Call(mutation, arguments, root="Mutation")
        self.acts.append((who, call))
        kind: Any = call.definition.type
        more = " payment { status }" if "payment" in kind.fields else ""
        document = call.document(own(kind) + more)
        answer: Json = (await self.client(who).post(document, arguments)).json()
        [payload] = self.answered.take(call, answer, document)
        return payload

    async def objects(self) -> dict[str, str]:
        """Return every object with an id, and its type."""
        return {
            encode(kind, row["id"]): name
            for name, (kind, table) in TABLES.items()
            for row in await query_rows(f"SELECT id FROM {table}", [])
        }


def usd(amount: int) -> Json:
    return {"amount": amount, "currency": "USD"}


async def build(shop: Shop) -> World:
    """Build the objects. The last refund stays open: Stripe does not answer for it."""
    world = World(shop)
    await _first_owner(world)
    await _second_owner(world)
    await _other_orders(world)
    await _setups(world)
    await _changed_at_stripe(world)
    await _refunds(world)
    return world


async def _register(world: World, number: str, owner: str, price: int, **more: Any) -> str:
    order: Json = {"externalId": number, "total": usd(price), "customerExternalId": owner}
    order |= {"customerEmail": f"{owner}@mail.example", "customerName": f"called {owner}"}
    order["customerPhone"] = f"phone of {owner}"
    order["shipping"] = {"name": f"parcel for {owner}", "line1": f"door of {owner}", "country": "DE"}
    line = {"name": f"wanted by {owner}", "quantity": 1, "unitAmount": price, "taxAmount": 7, "discountAmount": 7}
    order["lineItems"] = [line]
    order |= more
    payload = await world.act(CLERK, "registerOrder", input=order, idempotencyKey=key())
    assert payload["errors"] == [], payload
    return str(payload["order"]["id"])


async def _pay(world: World, who: str, order_id: str, price: int, method: str | None, **more: Any) -> Json:
    given = {"orderId": order_id, "expectedAmount": usd(price), "metadata": {"gift": f"chosen by {who}"}, **more}
    given["receiptEmail"] = f"receipt.{who}@mail.example"
    if method is not None:
        given |= {"paymentMethodId": method, "confirm": True, "returnUrl": "https://shop.example/"}
    return await world.act(who, "createPayment", input=given, idempotencyKey=key())


async def _first_owner(world: World) -> None:
    world.order_id = await _register(world, "number-1", FIRST, FIRST_PRICE)
    declined = await _pay(world, FIRST, world.order_id, FIRST_PRICE, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert [error["code"] for error in declined["errors"]] == ["CARD_DECLINED"]
    world.first = declined["payment"]["id"]
    world.views["the first owner's view token"] = Client(world.shop.http, declined["viewToken"])
    await world.act(FIRST, "syncPayment", paymentId=world.first)
    [person] = await query_rows("SELECT customer_id AS id FROM payment", [])
    session = {"components": ["PAYMENT_ELEMENT"], "customerId": encode(Kind.CUSTOMER, person["id"])}
    await world.act(FIRST, "createCustomerSession", **session)
    await world.act(SECOND, "createCustomerSession", **session)  # NOT_FOUND
    gone = await world.act(FIRST, "cancelPayment", input={"paymentId": world.first}, idempotencyKey=key())
    assert gone["payment"]["status"] == "CANCELED"


async def _second_owner(world: World) -> None:
    assert await _register(world, "number-1", SECOND, SECOND_PRICE) == world.order_id
    await _pay(world, SECOND, world.order_id, FIRST_PRICE + 1, "pm_card_visa")  # AMOUNT_MISMATCH
    declined = await _pay(world, SECOND, world.order_id, SECOND_PRICE, "pm_card_visa_chargeDeclinedExpiredCard")
    world.second = declined["payment"]["id"]
    world.views["the second owner's view token"] = Client(world.shop.http, declined["viewToken"])
    paid = await world.act(
        SECOND, "confirmPayment", paymentId=world.second, paymentMethodId="pm_card_visa", idempotencyKey=key()
    )
    assert paid["payment"]["status"] == "SUCCEEDED"
    await _pay(world, SECOND, world.order_id, SECOND_PRICE, "pm_card_visa")  # ORDER_ALREADY_PAID


async def _other_orders(world: World) -> None:
    waiting = await _register(world, "number-2", SECOND, WAITING_PRICE)
    payload = await _pay(world, SECOND, waiting, WAITING_PRICE, "pm_card_threeDSecureRequired")
    world.waiting = payload["payment"]["id"]
    assert payload["payment"]["status"] == "REQUIRES_ACTION"
    held = await _register(world, "number-3", SECOND, HELD_PRICE, captureMethod="MANUAL")
    kept = await _pay(world, SECOND, held, HELD_PRICE, "pm_card_visa", setupFutureUsage="OFF_SESSION")
    world.held = kept["payment"]["id"]
    [method] = await query_rows("SELECT id FROM saved_payment_method", [])
    default = {"id": encode(Kind.METHOD, method["id"]), "idempotencyKey": key()}
    await world.act(SECOND, "setDefaultPaymentMethod", **default)
    away = await _register(world, "number-5", SECOND, AWAY_PRICE)
    renewal = {"orderId": away, "expectedAmount": usd(AWAY_PRICE), "metadata": {"gift": f"chosen by {SECOND}"}}
    paid = await world.act(CLERK, "createOffSessionPayment", input=renewal, idempotencyKey=key())
    assert paid["payment"]["status"] == "SUCCEEDED"
    foreign = {"id": encode(Kind.METHOD, method["id"]), "idempotencyKey": key()}
    await world.act(FIRST, "detachPaymentMethod", **foreign)  # NOT_FOUND
    more = {"paymentId": world.held, "amount": usd(HELD_PRICE + 1)}
    await world.act(CLERK, "capturePayment", input=more, idempotencyKey=key())  # AMOUNT_EXCEEDS_CAPTURABLE
    await world.act(CLERK, "capturePayment", input={"paymentId": world.held}, idempotencyKey=key())
    not_now = {"externalId": "number-2", "total": usd(WAITING_PRICE), "customerExternalId": FIRST}
    await world.act(CLERK, "registerOrder", input=not_now, idempotencyKey=key())  # INVALID_STATE


async def _setups(world: World) -> None:
    """Begin three setups of the second owner: one is declined, one waits for the bank, and one has kept a card."""
    [owner] = await query_rows("SELECT id FROM customer WHERE external_id = $1", [SECOND])
    given = {"customerId": encode(Kind.CUSTOMER, owner["id"])}
    for method in ("pm_card_visa_chargeDeclinedExpiredCard", "pm_card_authenticationRequired", "pm_card_visa"):
        begun = await world.act(SECOND, "createSetupIntent", input=given, idempotencyKey=key())
        assert begun["errors"] == [], begun
        await browser_sets_up(world.shop, method)
    nobody = {"customerId": world.order_id}
    await world.act(SECOND, "createSetupIntent", input=nobody, idempotencyKey=key())  # NOT_FOUND


async def _changed_at_stripe(world: World) -> None:
    """Change the amount of a payment, first with its order; then at Stripe as another program, as is found later."""
    await world.shop.deliver()
    changed = await _register(world, "number-4", SECOND, EARLIER_PRICE, lineItems=None)  # which would hinder it
    await _pay(world, SECOND, changed, EARLIER_PRICE, None)
    await _register(world, "number-4", SECOND, CHANGED_PRICE, lineItems=None)
    await world.shop.stripe(f"payment_intents/{intent_id(world.shop)}", {"amount": CHANGED_TO})
    await world.shop.browser_confirms("pm_card_visa")
    await reconciled(world.shop)
    await world.shop.deliver()


async def _refunds(world: World) -> None:
    await _refund(world, REFUNDED)
    world.shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/refunds")
    world.shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/refunds", times=1_000)
    await _refund(world, FOUND_REFUNDED)
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [DAY],
    )
    await world.shop.runtime.worker.drain()
    [waiting] = await query_rows("SELECT id FROM operation WHERE state = 'NEEDS_REVIEW'", [])
    settled = await world.act(
        CLERK,
        "resolveOperation",
        id=encode(Kind.OPERATION, waiting["id"]),
        outcome="HAPPENED",
        evidence=EVIDENCE,
        stripeId=world.shop.sandbox.snapshot().refunds[-1]["id"],
    )
    assert settled["errors"] == [], settled
    await world.shop.deliver()
    world.shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/refunds", times=1_000)
    await _refund(world, LOST_REFUND)
    [event, *_] = await query_rows("SELECT id FROM webhook_event", [])
    await world.act(CLERK, "replayWebhookEvents", ids=[encode(Kind.WEBHOOK, event["id"])], dryRun=True)
    await world.act(CLERK, "resolveDiscrepancy", id=world.order_id, resolution="it is none")


async def _refund(world: World, amount: int) -> None:
    given = {"paymentId": world.second, "amount": usd(amount), "reason": "OTHER", "note": NOTE}
    await world.act(CLERK, "refundPayment", input=given, idempotencyKey=key())


async def secrets_of(owner: str) -> Secrets:
    """Read the secrets of one owner's payments from the tables: ids, ours and Stripe's, words, cards and amounts."""
    [customer] = await query_rows("SELECT id FROM customer WHERE external_id = $1", [owner])
    paid = "payment_id IN (SELECT id FROM payment WHERE customer_id = $1)"
    texts = {encode(Kind.CUSTOMER, customer["id"]), f"{owner}@mail.example", f"chosen by {owner}"}
    texts |= {f"{words} {owner}" for words in ("called", "phone of", "parcel for", "door of", "wanted by")}
    texts |= await _texts("SELECT receipt_url AS it FROM payment WHERE customer_id = $1", customer["id"])
    for name in ("Payment", "Refund", "Operation", "PaymentEvent"):
        kind, table = TABLES[name]
        where = "customer_id = $1" if name == "Payment" else paid
        texts |= _ids(kind, await query_rows(f"SELECT id FROM {table} WHERE {where}", [customer["id"]]))
    texts |= await _texts(f"SELECT stripe_refund_id AS it FROM refund WHERE {paid}", customer["id"])
    texts |= await _texts(f"SELECT key AS it FROM operation WHERE {paid} OR customer_id = $1", customer["id"])
    texts |= await _texts("SELECT stripe_payment_intent_id AS it FROM payment WHERE customer_id = $1", customer["id"])
    if owner == FIRST:
        return Secrets(frozenset(texts | {"insufficient_funds"}), frozenset({"9995"}), frozenset({FIRST_PRICE}))
    others = await query_rows(
        "SELECT id FROM orders WHERE customer_id = $1 AND external_id <> 'number-1'", [customer["id"]]
    )
    kept = await query_rows("SELECT id FROM saved_payment_method WHERE customer_id = $1", [customer["id"]])
    setups = await query_rows("SELECT id FROM setup_intent WHERE customer_id = $1", [customer["id"]])
    texts |= await _texts(
        "SELECT stripe_setup_intent_id AS it FROM setup_intent WHERE customer_id = $1", customer["id"]
    )
    texts |= (
        _ids(Kind.SETUP, setups)
        | _ids(Kind.METHOD, kept)
        | await _texts("SELECT stripe_customer_id AS it FROM customer WHERE id = $1", customer["id"])
    )
    texts |= _ids(Kind.ORDER, others) | {"number-2", "number-3", "number-4", "number-5", "expired_card"}
    prices = {SECOND_PRICE, WAITING_PRICE, CHANGED_PRICE, CHANGED_TO, HELD_PRICE, AWAY_PRICE}
    amounts = frozenset(prices | {REFUNDED, FOUND_REFUNDED, LOST_REFUND})
    return Secrets(frozenset(texts), frozenset({"0069", "4242", "3063"}), amounts)


# Not shown to any buyer, not even of their own payments.
OF_THE_STAFF: Final = Secrets(frozenset({NOTE, EVIDENCE, CLERK}))


def _ids(kind: Kind, found: Any) -> set[str]:
    assert found or kind is Kind.REFUND, kind
    return {encode(kind, row["id"]) for row in found}


async def _texts(statement: str, customer: UUID) -> set[str]:
    return {row["it"] for row in await query_rows(statement, [customer]) if row["it"] is not None}


@dataclass(frozen=True)
class Who:
    """A caller, the values they must not see, and the ids they must reach."""

    client: Client = field(repr=False)
    secrets: Secrets
    reaches: frozenset[str]


async def strangers(world: World) -> dict[str, Who]:
    """Return every caller who may see a part of it or nothing."""
    firsts, seconds = await secrets_of(FIRST), await secrets_of(SECOND)
    everything = firsts | seconds | OF_THE_STAFF
    first_view, second_view = world.views.items()
    return {
        FIRST: Who(world.client(FIRST), seconds | OF_THE_STAFF, frozenset({world.first})),
        first_view[0]: Who(first_view[1], seconds | OF_THE_STAFF, frozenset({world.first})),
        SECOND: Who(world.client(SECOND), firsts | OF_THE_STAFF, frozenset({world.second, world.waiting})),
        second_view[0]: Who(second_view[1], firsts | OF_THE_STAFF, frozenset({world.second, world.order_id})),
        "nobody": Who(Client(world.shop.http), everything, frozenset()),
        "a buyer of something else": Who(world.client("somebody"), everything, frozenset()),
    }


ALL_STATES: Final = ["IN_PROGRESS", "SUCCEEDED", "FAILED", "UNRESOLVED", "NEEDS_REVIEW"]
SORTS: Final = ("CREATED_AT_DESC", "CREATED_AT_ASC", "UPDATED_AT_DESC", "AMOUNT_DESC", "AMOUNT_ASC")
KIND_OF: Final = {
    "registerOrder": "REGISTER_ORDER",
    "createPayment": "CREATE_PAYMENT",
    "createOffSessionPayment": "CREATE_OFF_SESSION_PAYMENT",
    "confirmPayment": "CONFIRM_PAYMENT",
    "capturePayment": "CAPTURE_PAYMENT",
    "cancelPayment": "CANCEL_PAYMENT",
    "refundPayment": "REFUND_PAYMENT",
    "createSetupIntent": "CREATE_SETUP_INTENT",
    "setDefaultPaymentMethod": "SET_DEFAULT_PAYMENT_METHOD",
    "detachPaymentMethod": "DETACH_PAYMENT_METHOD",
}


def from_every_root(world: World, objects: dict[str, str]) -> Iterator[Call]:
    """Call each field of Query, with every argument that could lead to one of the objects."""
    yield from by_id(objects)
    yield Call("viewer", further=2)
    yield from _orders_and_payments(world, objects)
    for number, act in enumerate(act for _, act in world.acts if "idempotencyKey" in act.arguments):
        arguments = {"key": act.arguments["idempotencyKey"], "kind": KIND_OF[act.name]}
        yield Call("operation", arguments, further=1 if number == 0 else 0)
    for more in ({}, {"state": ALL_STATES}):
        yield Call("openOperations", {"first": 5, **more}, further=1)
    yield Call("webhookEvents", {"first": 50})
    yield Call("webhookEvents", {"first": 50, "type": ["payment_intent.succeeded"]})
    yield Call("reconciliationRuns", {"first": 5}, further=2)
    yield Call("discrepancies", {"first": 10}, further=1)
    yield Call("discrepancies", {"first": 10, "state": ["OPEN", "REPAIRED", "ACCEPTED"]})
    yield Call("integrity")


def _orders_and_payments(world: World, objects: dict[str, str]) -> Iterator[Call]:
    of = {kind: [identity for identity, its in objects.items() if its == kind] for kind in set(objects.values())}
    yield Call("order", {"id": world.order_id}, further=2)
    for order_id in of["Order"]:
        yield Call("order", {"id": order_id})
        yield Call("payments", {"first": 3, "filter": {"orderId": order_id}})
    for number in ("number-1", "number-2", "number-3", "number-4", "number-5"):
        yield Call("order", {"externalId": number}, further=1)
        yield Call("payments", {"first": 3, "filter": {"search": number}})
    for payment_id in (world.first, world.second):
        yield Call("payment", {"id": payment_id}, further=2)
    for payment_id in of["Payment"]:
        yield Call("payment", {"id": payment_id, "maxStalenessMs": 0})
        yield Call("payments", {"first": 3, "filter": {"search": payment_id}})
        yield Call("paymentConfirmation", {"paymentId": payment_id})
    for setup_id in of["SetupIntent"]:
        yield Call("setupConfirmation", {"setupIntentId": setup_id})
    for customer_id in of["Customer"]:
        yield Call("customer", {"id": customer_id}, further=1)
        yield Call("payments", {"first": 3, "filter": {"customerId": customer_id}})
    for chosen in ({"declineCode": ["insufficient_funds"]}, {"metadata": {"gift": f"chosen by {FIRST}"}}):
        yield Call("payments", {"first": 3, "filter": chosen})
    for sort in SORTS:
        yield Call("payments", {"first": None, "last": 3, "sort": sort})
    yield Call("payments", {"first": 3}, further=1)
    for refund_id in of["Refund"]:
        yield Call("refund", {"id": refund_id}, further=1)
    yield Call("refunds", {"first": 5}, further=1)
    yield Call("refunds", {"first": 5, "status": ["SUCCEEDED", "PENDING"]})
