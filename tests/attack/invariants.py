"""Twelve invariants, computed from the offline Stripe's books and from the answers to clients.

None of them uses the code under test: not its rows, not its services. Each function returns violations, in words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from sandbox import Books
from tests.support.rows import row_id
from tests.support.shop import Json

FINAL = frozenset({"SUCCEEDED", "CANCELED"})
UNDECIDED = frozenset({"IN_PROGRESS", "UNRESOLVED", "NEEDS_REVIEW"})
RESERVING = frozenset({"INITIATED", "UNKNOWN"})  # words of our own: Stripe has no refund in these
NO_LONGER_HERE = "is gone from the API"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one client: the whole payload of one call under one key."""

    caller: str
    mutation: str
    key: str
    payload: Json

    @property
    def decided(self) -> bool:
        """False for a refusal that invites the same key again."""
        return not any(error["retryable"] for error in self.payload["errors"])


@dataclass(frozen=True, slots=True)
class Link:
    """One event of an order's chain, as it is stored."""

    order: str
    sequence: int
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class World:
    """The state after a run, as seen from outside."""

    books: Books
    payments: list[Json]
    orders: list[Json]
    operations: list[Json]
    webhooks: list[Json]
    answers: list[Answer]
    chain: list[Link] = field(default_factory=list)
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    customers: list[Json] = field(default_factory=list)


def violations(world: World) -> list[str]:
    """List all violations."""
    rules = (
        one_key_moved_money_at_most_once,
        books_equal_stripes,
        refunds_never_above_captured,
        what_was_told_stays_true,
        nothing_is_undecided,
        each_event_was_applied_once,
        chains_are_whole,
        no_status_is_older_than_stripes,
        one_key_had_one_answer,
        one_stripe_key_was_one_request,
        customers_keep_what_stripe_keeps,
        setups_are_stripes,
    )
    return [f"{rule.__name__}: {words}" for rule in rules for words in rule(world)]


def one_key_moved_money_at_most_once(world: World) -> list[str]:
    """An operation charged at most once and refunded at most once; payments of an order took no more than it costs."""
    intents = {intent["id"]: intent for intent in world.books.payment_intents}
    taken = [charge for charge in world.books.charges if charge["paid"] and charge["amount_captured"]]
    by_operation = Counter(intents[c["payment_intent"]]["metadata"].get("operation_id", "none") for c in taken)
    by_order: dict[str, list[int]] = defaultdict(list)
    for charge in taken:
        named = intents[charge["payment_intent"]]["metadata"].get("order_external_id", "none")
        by_order[named].append(charge["amount_captured"])
    totals = {order["externalId"]: order["total"]["amount"] for order in world.orders}
    given = Counter(r["metadata"]["operation_id"] for r in world.books.refunds if "operation_id" in r["metadata"])
    return [
        *(f"operation {name} charged {count} times" for name, count in by_operation.items() if count > 1),
        *(
            f"order {name} was charged {amounts} and costs {totals.get(name, 0)}"
            for name, amounts in by_order.items()
            if len(amounts) > 1 and sum(amounts) > totals.get(name, 0)
        ),
        *(f"operation {name} refunded {count} times" for name, count in given.items() if count > 1),
    ]


def books_equal_stripes(world: World) -> list[str]:
    """Every line of the API's books has its line at Stripe with the same amounts, and the other way round."""
    found: list[str] = []
    intents = {intent["id"]: intent for intent in world.books.payment_intents}
    ours = {p["stripePaymentIntentId"]: p for p in world.payments if p["stripePaymentIntentId"]}
    for intent_id, intent in intents.items():
        if intent_id not in ours and (intent["amount_received"] or intent["status"] == "requires_capture"):
            found.append(f"Stripe holds money of {intent_id}, which no payment knows")
    for intent_id, payment in ours.items():
        if intent_id not in intents:
            found.append(f"{payment['id']} names {intent_id}, which Stripe does not know")
        else:
            found += _payment_differs(payment, intents[intent_id], world.books)
    for order in world.orders:
        found += _order_differs(order, world)
    return found


def customers_keep_what_stripe_keeps(world: World) -> list[str]:
    """A customer has at most one at Stripe, and keeps the methods that are attached there, each once."""
    found: list[str] = []
    made = Counter(customer["metadata"].get("customer_external_id", "none") for customer in world.books.customers)
    found += [f"customer {name} was made {count} times" for name, count in made.items() if count > 1]
    for customer in world.customers:
        there = customer["stripeCustomerId"]
        if there is None and made[customer["externalId"]]:
            found.append(f"{customer['id']} does not know the customer that was made at Stripe")
        attached = [one for one in world.books.payment_methods if there is not None and one["customer"] == there]
        kept = customer["paymentMethods"]["nodes"]
        if len(attached) != len(kept):
            found.append(f"{customer['id']} keeps {len(kept)} methods here and {len(attached)} at Stripe")
    return found


def setups_are_stripes(world: World) -> list[str]:
    """Each setup is at Stripe once, in the same status, and has kept a method if it succeeded; none is there alone."""
    found: list[str] = []
    there: dict[str, list[Json]] = defaultdict(list)
    for setup in world.books.setup_intents:
        there[setup["metadata"].get("setup_intent_id", "none")].append(setup)
    for customer in world.customers:
        for setup in customer["setupIntents"]["nodes"]:
            statuses = [one["status"].upper() for one in there.pop(str(row_id(setup["id"])), [])]
            if statuses != [setup["status"]]:
                found.append(f"{setup['id']} is {setup['status']} here and {statuses} at Stripe")
            if (setup["status"] == "SUCCEEDED") != (setup["paymentMethod"] is not None):
                found.append(f"{setup['id']} is {setup['status']} and has kept {setup['paymentMethod']}")
    found += [f"Stripe has a setup of {name}, which is not here" for name in there if name != "none"]
    return found


def no_more_is_asked_for_than_an_order_costs(world: World) -> list[str]:
    """No order's total is below the sum of what was taken and what its open payments ask for.

    Only for a run in which no other program changes an amount at Stripe.
    """
    found = []
    for order in world.orders:
        payments = [payment for payment in world.payments if payment["order"]["id"] == order["id"]]
        claimed = sum(payment["amountCaptured"]["amount"] for payment in payments if payment["status"] in FINAL)
        claimed += sum(payment["amount"]["amount"] for payment in payments if payment["status"] not in FINAL)
        if claimed > order["total"]["amount"]:
            found.append(f"{order['id']}: {claimed} is asked for, and it costs {order['total']['amount']}")
    return found


def _payment_differs(payment: Json, intent: Json, books: Books) -> Iterator[str]:
    refunds = [r for r in books.refunds if r["payment_intent"] == intent["id"]]
    lines = (
        ("captured", payment["amountCaptured"]["amount"], intent["amount_received"]),
        ("capturable", payment["amountCapturable"]["amount"], intent["amount_capturable"]),
        ("amount", payment["amount"]["amount"], intent["amount"]),
        ("refunded", payment["amountRefunded"]["amount"], _sum(refunds, "succeeded")),
        ("pending", payment["amountRefundPending"]["amount"], _sum(refunds, "pending", "requires_action")),
    )
    for name, here, there in lines:
        if here != there:
            yield f"{payment['id']}: {name} is {here} here and {there} at Stripe"
    here_refunds = {r["stripeRefundId"]: r for r in payment["refunds"] if r["stripeRefundId"]}
    there_refunds = {r["id"]: r for r in refunds}
    for refund_id in here_refunds.keys() ^ there_refunds.keys():
        yield f"{payment['id']}: refund {refund_id} is only on one side"
    for refund_id in here_refunds.keys() & there_refunds.keys():
        here, there = here_refunds[refund_id], there_refunds[refund_id]
        if (here["status"], here["amount"]["amount"]) != (there["status"].upper(), there["amount"]):
            yield f"{refund_id}: {here['status']} here, {there['status']} at Stripe"


def _sum(refunds: list[Json], *states: str) -> int:
    return sum(refund["amount"] for refund in refunds if refund["status"] in states)


def _order_differs(order: Json, world: World) -> Iterator[str]:
    payments = [p for p in world.payments if p["order"]["id"] == order["id"]]
    for name, of_payment in (("amountPaid", "amountCaptured"), ("amountRefunded", "amountRefunded")):
        here, there = order[name]["amount"], sum(p[of_payment]["amount"] for p in payments)
        if here != there:
            yield f"{order['id']}: {name} is {here}, and its payments have {there}"


def refunds_never_above_captured(world: World) -> list[str]:
    """No refund beyond the captured amount, and none that Stripe had to refuse for it."""
    found = []
    for intent in world.books.payment_intents:
        live = [r for r in world.books.refunds if r["payment_intent"] == intent["id"]]
        total = _sum(live, "succeeded", "pending", "requires_action")
        if total > intent["amount_received"]:
            found.append(f"{intent['id']}: {total} given back of {intent['amount_received']}")
    found += [
        f"Stripe refused a refund with {request['status']}"
        for request in world.books.requests
        if request["path"] == "/v1/refunds" and request["method"] == "POST" and request["status"] == 400
    ]
    return found


def what_was_told_stays_true(world: World) -> list[str]:
    """A final word to a client is never taken back; versions and amounts only grow."""
    payments = {payment["id"]: payment for payment in world.payments}
    refunds = {refund["id"]: refund for payment in world.payments for refund in payment["refunds"]}
    operations = {operation["id"]: operation for operation in world.operations}
    found: list[str] = []
    for answer in world.answers:
        if told := answer.payload.get("payment"):
            found += _payment_taken_back(told, payments.get(told["id"]))
        if told := answer.payload.get("refund"):
            found += _state_taken_back(told, refunds.get(told["id"]), "status", {"SUCCEEDED", "FAILED", "CANCELED"})
        if (told := answer.payload.get("operation")) and answer.decided:
            found += _state_taken_back(told, operations.get(told["id"]), "state", {"SUCCEEDED", "FAILED"})
            found += _taken_up_again(told, operations.get(told["id"]))
    return sorted(set(found))


def _payment_taken_back(told: Json, now: Json | None) -> Iterator[str]:
    yield from _state_taken_back(told, now, "status", FINAL)
    if now is None:
        return
    if told["version"] > now["version"]:
        yield f"{told['id']}: version {told['version']} was told, and now it is {now['version']}"
    if told["amountCaptured"]["amount"] > now["amountCaptured"]["amount"]:
        yield f"{told['id']}: more was told as captured than there is"


def _state_taken_back(told: Json, now: Json | None, name: str, final: frozenset[str] | set[str]) -> Iterator[str]:
    if now is None:
        yield f"{told['id']} {NO_LONGER_HERE}"
    elif told[name] in final and now[name] != told[name]:
        yield f"{told['id']}: {told[name]} was told, and now it is {now[name]}"


def _taken_up_again(told: Json, now: Json | None) -> Iterator[str]:
    """A decided operation never runs again."""
    if now is not None and "attempts" in told and told["attempts"] != now["attempts"]:
        yield f"{told['id']}: was decided after {told['attempts']} attempts, and now it has {now['attempts']}"


def nothing_is_undecided(world: World) -> list[str]:
    """Once faults have stopped and the machine is idle, every operation, payment and refund has its end."""
    return [
        *(f"operation {o['id']} is {o['state']}" for o in world.operations if o["state"] in UNDECIDED),
        *(f"payment {p['id']} is {p['status']}" for p in world.payments if p["status"] in ("UNKNOWN", "INITIATED")),
        *(
            f"refund {r['id']} is {r['status']}"
            for p in world.payments
            for r in p["refunds"]
            if r["status"] in RESERVING
        ),
        *(
            f"event {w['stripeEventId']} is {w['state']}"
            for w in world.webhooks
            if w["state"] not in ("PROCESSED", "IGNORED")
        ),
    ]


def each_event_was_applied_once(world: World) -> list[str]:
    """The inbox has an event once, and no change of the trail was caused twice by one event."""
    stored = Counter(event["stripeEventId"] for event in world.webhooks)
    caused = Counter(
        (event["stripeEventId"], payment["id"], event["type"], event["amount"] and event["amount"]["amount"])
        for payment in world.payments
        for event in payment["timeline"]
        if event["stripeEventId"] and not event["type"].startswith("refund.")
    )
    known = {event["id"] for event in world.books.events}
    return [
        *(f"event {name} is stored {count} times" for name, count in stored.items() if count > 1),
        *(f"event {name} is not Stripe's" for name in stored if name not in known),
        *(f"event {name[0]} wrote {name[2]} {count} times" for name, count in caused.items() if count > 1),
    ]


def chains_are_whole(world: World) -> list[str]:
    """Every order's chain has no gap, each link names the one before, and the last one is the order's head."""
    found: list[str] = []
    by_order: dict[str, list[Link]] = defaultdict(list)
    for link in sorted(world.chain, key=lambda link: (link.order, link.sequence)):
        by_order[link.order].append(link)
    for order, links in by_order.items():
        if [link.sequence for link in links] != list(range(1, len(links) + 1)):
            found.append(f"order {order}: sequences {[link.sequence for link in links]}")
        if links[0].previous_hash or any(b.previous_hash != a.hash for a, b in pairwise(links)):
            found.append(f"order {order}: a link does not name the one before it")
        if world.heads.get(order) != (links[-1].sequence, links[-1].hash):
            found.append(f"order {order}: the head is not the last link")
    for payment in world.payments:
        told = [event for event in payment["timeline"] if event["toStatus"]]
        if told and told[-1]["toStatus"] != payment["status"]:
            found.append(f"{payment['id']}: the trail ends with {told[-1]['toStatus']}, the row is {payment['status']}")
    return found


def no_status_is_older_than_stripes(world: World) -> list[str]:
    """A payment's status is never behind Stripe's, and its trail never left a final state."""
    found = []
    intents = {intent["id"]: intent for intent in world.books.payment_intents}
    for payment in world.payments:
        intent = intents.get(payment["stripePaymentIntentId"])
        if intent is not None and payment["status"] != intent["status"].upper():
            found.append(f"{payment['id']}: {payment['status']} here, {intent['status']} at Stripe")
        told = [event["toStatus"] for event in payment["timeline"] if event["toStatus"]]
        found += [f"{payment['id']}: went from {a} to {b}" for a, b in pairwise(told) if a in FINAL and b != a]
        found += [
            f"{payment['id']}: had to be corrected" for e in payment["timeline"] if e["type"] == "payment.corrected"
        ]
    return found


def one_key_had_one_answer(world: World) -> list[str]:
    """All decided answers under one key are the same: the same refusal or none, the same rows."""
    told: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for answer in world.answers:
        if answer.decided and answer.payload["operation"] is not None:
            told[answer.caller, answer.mutation, answer.key].add(_gist(answer.payload))
    return [
        f"{name[1]} under one key had {len(gists)} answers: {sorted(gists)}"
        for name, gists in told.items()
        if len(gists) > 1
    ]


def _gist(payload: Json) -> str:
    errors = sorted(error["code"] for error in payload["errors"])
    rows = [payload[name]["id"] for name in ("operation", "payment", "refund", "order") if payload.get(name)]
    return f"{payload['operation']['state']} {errors} {rows}"


def one_stripe_key_was_one_request(world: World) -> list[str]:
    """Every POST to Stripe carried a key of ours, and one key always meant the same bytes."""
    meaning: dict[str, set[tuple[str, str]]] = defaultdict(set)
    found = []
    for post in (request for request in world.books.requests if request["method"] == "POST"):
        if not post["idempotency_key"]:
            found.append(f"POST {post['path']} carried no key")
        else:
            meaning[post["idempotency_key"]].add((post["path"], post["params_digest"]))
    return found + [f"the key {key} meant {len(seen)} requests" for key, seen in meaning.items() if len(seen) > 1]


def no_stripe_key_was_sent_twice(world: World) -> list[str]:
    """Only for a run without faults and kills: nothing was ever in doubt, so nothing was sent again."""
    sent = Counter(r["idempotency_key"] for r in world.books.requests if r["method"] == "POST")
    return [f"no_stripe_key_was_sent_twice: {name} was sent {count} times" for name, count in sent.items() if count > 1]
