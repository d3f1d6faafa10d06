"""What is wrong after a payment's life: our rows against Stripe's books, and the trail of how they came to be."""

from typing import Any

from models import Order, PaymentEvent, WebhookEvent
from services.audit import first_broken_link
from tests.attack.invariants import Answer, Link, World, books_equal_stripes, violations
from tests.attack.world import OPERATION, ORDER, PAYMENT
from tests.life import Ending, Life, Plan
from tests.rows import row_id
from tests.shop import Json, Shop

CHANGES_NOTHING = ("payment.initiated", "payment.attempt_failed")  # in the trail, without a new version of the payment
# Somebody at the Dashboard, or the payer's bank, may have been faster; Stripe says so, and nothing is given back twice.
LAWFUL_HERE = "Stripe refused a refund with 400"
NOT_CONTESTED = ("won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed")


async def check(shop: Shop, plan: Plan) -> None:
    """Live by the plan in a shop of its own, and find nothing wrong."""
    life = Life(shop)

    await life.live(plan)

    if life.open_call is None or _events_must_tell(plan):
        assert await differences(life) == []
    await life.settle()
    assert await wrongs(life) == []


def _events_must_tell(plan: Plan) -> bool:
    """Whether a payment with a lost answer is known all the same, before the janitor comes.

    Not by a sync alone, which cannot find a payment that Stripe never told of. Nor when an event overtook the answer
    that was lost: for all we know the request is still on its way, so the payment is unknown until it is looked for.
    """
    overtaken = any(step.lost and step.is_overtaken for step in plan.steps)
    return plan.ending is not Ending.SYNC and not overtaken


async def differences(life: Life) -> list[str]:
    """Where our rows are not what Stripe's books are."""
    world = await _world(life)
    [payment] = world.payments
    found = list(books_equal_stripes(world))
    [intent] = world.books.payment_intents
    if payment["status"] != intent["status"].upper():
        found.append(f"{payment['status']} here, {intent['status']} at Stripe")
    contested = sum(d["amount"] for d in world.books.disputes if d["status"] not in NOT_CONTESTED)
    if payment["amountDisputed"]["amount"] != contested:
        found.append(f"{payment['amountDisputed']['amount']} is contested here, {contested} at Stripe")
    return found


async def wrongs(life: Life) -> list[str]:
    """Everything that should not be after a life that was settled."""
    world = await _world(life)
    [payment] = world.payments
    found = await differences(life) + [line for line in violations(world) if not line.endswith(LAWFUL_HERE)]
    if (broken := await first_broken_link(row_id(life.order_id))) is not None:
        found.append(f"the chain is broken at {broken}")
    if life.versions != sorted(life.versions):
        found.append(f"versions went back: {life.versions}")
    changes = [event for event in payment["timeline"] if event["type"] not in CHANGES_NOTHING]
    if payment["version"] != 1 + len(changes):
        found.append(f"version {payment['version']} after {len(changes)} changes")
    integrity = (await life.shop.staff.ask("{ integrity { unresolvedOperations oldestUnprocessedWebhookMs } }"))[
        "integrity"
    ]
    if any(integrity.values()):
        found.append(f"something is left to do: {integrity}")
    return found


async def _world(life: Life) -> World:
    shop, staff = life.shop, life.shop.staff
    books = shop.sandbox.snapshot()
    payment = (await staff.ask(PAYMENT, id=life.payment_id))["payment"]
    payment["timeline"] = [edge["node"] for edge in payment["timeline"]["nodes"]]
    stored = await WebhookEvent.filter(subject__in=[intent["id"] for intent in books.payment_intents])
    order = await Order.get(id=row_id(life.order_id))
    chain = await PaymentEvent.filter(order_id=order.id)
    return World(
        books=books,
        payments=[payment],
        orders=[(await staff.ask(ORDER, id=life.order_id))["order"]],
        operations=[found for answer in life.answers if (found := await _operation(life, answer)) is not None],
        webhooks=[{"stripeEventId": event.stripe_event_id, "state": event.state.value} for event in stored],
        answers=[_still_bound(answer, books.refunds) for answer in life.answers],
        chain=[Link(str(e.order_id), e.sequence, e.previous_hash, e.hash) for e in chain],
        heads={str(order.id): (order.last_sequence, order.last_hash)},
    )


async def _operation(life: Life, answer: Answer) -> Any:
    kind = "".join(f"_{c}" if c.isupper() else c for c in answer.mutation).upper()
    client = life.shop.staff if answer.caller == life.shop.staff.token else life.shop.buyer
    return (await client.ask(OPERATION, key=answer.key, kind=kind))["operation"]


def _still_bound(answer: Answer, refunds: list[Json]) -> Answer:
    """What was told of a refund binds nobody once Stripe itself says that it failed after all."""
    told = answer.payload.get("refund")
    ours = [r for r in refunds if told and r["metadata"].get("refund_id") == str(row_id(told["id"]))]
    if any(refund["status"] == "failed" for refund in ours):
        return Answer(answer.caller, answer.mutation, answer.key, {**answer.payload, "refund": None})
    return answer
