"""Violations after a payment's life: our rows against Stripe's books, and the audit trail that led to them."""

from models import Order, PaymentEvent, WebhookEvent
from services.audit.trail import find_broken_chains
from tests.attack.invariants import Answer, Link, World, books_equal_stripes, violations
from tests.attack.world import OPERATION, ORDER, PAYMENT
from tests.support.lifecycle import Ending, Life, Plan
from tests.support.rows import row_id
from tests.support.shop import Json, Shop

CHANGES_NOTHING = ("payment.initiated", "payment.attempt_failed")  # in the trail, without a new version of the payment
# A person at the Dashboard, or the payer's bank, may be faster; Stripe reports that, and nothing is refunded twice.
LAWFUL_HERE = "Stripe refused a refund with 400"
NOT_CONTESTED = ("won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed")


async def check(shop: Shop, plan: Plan) -> None:
    """Run the plan in a shop of its own, and check that nothing is wrong."""
    life = Life(shop, plan, _as_at_stripe)

    await life.live()

    if life.open_call is None or _events_must_tell(plan):
        await _as_at_stripe(life)
    await life.settle()
    found = await wrongs(life)
    assert found == [], f"{found} after {life.story}"


def _events_must_tell(plan: Plan) -> bool:
    """Return True when a payment with a lost answer is known through events, before the janitor runs.

    Not by a sync alone, which cannot find a payment that Stripe never reported. Nor when an event overtook the lost
    answer: the request may still be on its way, so the payment is unknown until it is looked up.
    """
    overtaken = any(step.lost and step.is_overtaken for step in plan.steps)
    return plan.ending is not Ending.SYNC and not overtaken


async def _as_at_stripe(life: Life) -> None:
    found = await differences(life)
    assert found == [], f"{found} after {life.story}"


async def differences(life: Life) -> list[str]:
    """List the differences between our rows and Stripe's books."""
    return _differences(World(life.shop.sandbox.snapshot(), [await _payment(life)], [await _order(life)], [], [], []))


def _differences(world: World) -> list[str]:
    [payment], [intent] = world.payments, world.books.payment_intents
    found = list(books_equal_stripes(world))
    if payment["status"] != intent["status"].upper():
        found.append(f"{payment['status']} here, {intent['status']} at Stripe")
    contested = sum(d["amount"] for d in world.books.disputes if d["status"] not in NOT_CONTESTED)
    if payment["amountDisputed"]["amount"] != contested:
        found.append(f"{payment['amountDisputed']['amount']} is contested here, {contested} at Stripe")
    return found


async def wrongs(life: Life) -> list[str]:
    """List every violation after a life that was settled."""
    order_id = row_id(life.order_id)
    trail = await PaymentEvent.filter(order_id=order_id).order_by("sequence")
    world = await _world(life, trail)
    found = _differences(world) + [line for line in violations(world) if not line.endswith(LAWFUL_HERE)]
    if (broken := (await find_broken_chains([order_id])).get(order_id)) is not None:
        found.append(f"the chain is broken at {broken}")
    if life.versions != sorted(life.versions):
        found.append(f"versions went back: {life.versions}")
    changes = [event.type for event in trail if event.payment_id and event.type not in CHANGES_NOTHING]
    if (version := world.payments[0]["version"]) != 1 + len(changes):
        found.append(f"version {version} after {changes}")
    if _tells_twice(trail):
        found.append(f"an attempt is remembered although it was told: {[event.type for event in trail]}")
    left = await life.shop.staff.ask("{ integrity { unresolvedOperations oldestUnprocessedWebhookMs } }")
    if any(left["integrity"].values()):
        found.append(f"something is left to do: {left}")
    return found


def _tells_twice(trail: list[PaymentEvent]) -> bool:
    """Return True when two events report one failed attempt."""
    failed = [event.after["failure"]["stripe_charge_id"] for event in trail if "failure" in event.after]
    known = [charge for charge in failed if charge is not None]
    return len(known) > len(set(known))


async def _world(life: Life, trail: list[PaymentEvent]) -> World:
    books = life.shop.sandbox.snapshot()
    stored = await WebhookEvent.filter(subject__in=[intent["id"] for intent in books.payment_intents])
    order = await Order.get(id=row_id(life.order_id))
    return World(
        books=books,
        payments=[await _payment(life)],
        orders=[await _order(life)],
        operations=[found for answer in life.answers if (found := await _operation(life, answer)) is not None],
        webhooks=[{"stripeEventId": event.stripe_event_id, "state": event.state.value} for event in stored],
        answers=[_still_bound(answer, books.refunds) for answer in life.answers],
        chain=[Link(str(e.order_id), e.sequence, e.previous_hash, e.hash) for e in trail],
        heads={str(order.id): (order.last_sequence, order.last_hash)},
    )


async def _payment(life: Life) -> Json:
    payment: Json = (await life.shop.staff.ask(PAYMENT, id=life.payment_id))["payment"]
    payment["timeline"] = [edge["node"] for edge in payment["timeline"]["nodes"]]
    return payment


async def _order(life: Life) -> Json:
    order: Json = (await life.shop.staff.ask(ORDER, id=life.order_id))["order"]
    return order


async def _operation(life: Life, answer: Answer) -> Json | None:
    kind = "".join(f"_{c}" if c.isupper() else c for c in answer.mutation).upper()
    client = life.shop.staff if answer.caller == life.shop.staff.token else life.shop.buyer
    operation: Json | None = (await client.ask(OPERATION, key=answer.key, kind=kind))["operation"]
    return operation


def _still_bound(answer: Answer, refunds: list[Json]) -> Answer:
    """Drop the claim about a refund once Stripe itself reports that it failed after all."""
    told = answer.payload.get("refund")
    ours = [r for r in refunds if told and r["metadata"].get("refund_id") == str(row_id(told["id"]))]
    if any(refund["status"] == "failed" for refund in ours):
        return Answer(answer.caller, answer.mutation, answer.key, {**answer.payload, "refund": None})
    return answer
