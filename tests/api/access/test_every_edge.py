"""A walk over every edge of the schema: every value shown belongs to the caller, wherever it appears.

Each caller reads every object by its id, by every root field with any arguments that could lead to it, and from the
returned objects along every field that leads to another object. See also the walk over sockets and streams:
tests/live/test_every_edge_live.py.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import pytest

from domain.caller import Scope
from tests.support.edges import Answered, Sending, all_edges, walk
from tests.support.shop import Client, Json, Shop, token
from tests.support.two_owners import (
    CLERK,
    FIRST,
    OF_THE_STAFF,
    SECOND,
    Who,
    build,
    from_every_root,
    secrets_of,
    strangers,
)

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

PATIENCE_SECONDS: Final = 30.0
SYNC: Final = "mutation S($id: ID!) { syncPayment(paymentId: $id) { errors { code } } }"
# Edges that no query answers, each with the reason. The payloads of mutations answer them.
OF_PAYLOADS: Final = {
    "AmountMismatchError.actual": "refused before the key is used: no operation keeps it",
    "AmountMismatchError.expected": "the same",
    "LimitExceededError.available": "the same",
    "LimitExceededError.requested": "the same",
    "OrderAlreadyPaidError.order": "the same",
}
# The payment that waits here waits for 3DS; what others wait for is told to whom that is, and only if they wait for it:
# tests/api/delayed/test_found_again.py.
OF_OTHER_ACTIONS: Final = frozenset(
    f"NextAction.{name}" for name in ("amountRemaining", "bankTransfer", "code", "microdeposits", "voucher")
) | {"BankTransfer.accounts", "Payment.amountRemaining", "Voucher.stores"}
# The objects that each scope alone leads to, besides its own viewer. docs/adr/0015 says why.
OF_PAYMENTS: Final = frozenset(
    (
        "Order LineItem Shipping Payment Refund Customer SavedPaymentMethod SetupIntent Operation PaymentEvent Money"
        " CardSnapshot CardDeclinedError ProviderError"
    ).split()
)
OF_OPERATIONS: Final = frozenset("WebhookEvent Operation OperationReview CardDeclinedError ProviderError".split())
LEADS_TO: Final[Mapping[Scope, frozenset[str]]] = {
    Scope.PAYMENTS_PAY: frozenset(),
    Scope.PAYMENTS_READ: OF_PAYMENTS,
    Scope.PAYMENTS_WRITE: frozenset({"PaymentConfirmation", "SetupConfirmation", "NextAction"}),
    Scope.REFUNDS_WRITE: frozenset(),
    Scope.REFUNDS_APPROVE: frozenset(),
    Scope.DISPUTES_WRITE: frozenset(),
    Scope.ORDERS_WRITE: frozenset(),
    Scope.FINANCE_READ: frozenset({"Discrepancy", "ReconciliationRun", "SystemIntegrity"}),
    Scope.OPS_READ: OF_OPERATIONS,
    Scope.OPS_WRITE: frozenset(),
    Scope.EXPLORER: frozenset(),
}
ALL_BUT_READING: Final = "every scope of the staff but payments:read"
# The fields in which a scope alone reads what belongs to a person.
MAY_TELL: Final[Mapping[Scope, frozenset[str]]] = {
    Scope.PAYMENTS_WRITE: frozenset(
        {"PaymentConfirmation.clientSecret", "SetupConfirmation.clientSecret", "NextAction.redirectUrl"}
    ),
    Scope.FINANCE_READ: frozenset({"Discrepancy.local", "Discrepancy.provider"}),
    Scope.OPS_READ: frozenset(
        {
            "Operation.id",
            "Operation.key",
            "CardDeclinedError.declineCode",
            "OperationReview.evidence",
            "OperationReview.stripeId",
            "Actor.subject",
        }
    ),
}


def over_http(client: Client) -> Sending:
    async def ask(document: str, variables: Json) -> Json:
        response = await client.post(document, variables)
        answer: Json = response.json()
        assert response.status_code == 200 or "errors" in answer, response.text
        return answer

    return ask


async def test_every_edge_leads_only_to_what_the_caller_may_see(shop: Shop) -> None:
    world = await build(shop)
    objects = await world.objects()
    those = await strangers(world)
    callers = {who: over_http(one.client) for who, one in those.items()} | {CLERK: over_http(world.client(CLERK))}

    answered = await walk(callers, from_every_root(world, objects))

    assert _leaks(those, answered) == {}
    assert {who for who, one in those.items() if not one.reaches <= answered[who].found.keys()} == set()
    assert set(objects) - answered[CLERK].found.keys() == set()
    assert answered[CLERK].refusals == set()
    edges, wanting = all_edges("Query")
    assert wanting == set(), "a field below the roots wants an argument: say here how it is walked"
    assert edges - answered[CLERK].edges - answered[SECOND].edges == set(OF_PAYLOADS) | OF_OTHER_ACTIONS


async def test_each_scope_alone_leads_to_what_it_is_for(shop: Shop) -> None:
    world = await build(shop)
    secrets = await secrets_of(FIRST) | await secrets_of(SECOND) | OF_THE_STAFF
    scopes = {scope.value: scope.value for scope in Scope}
    scopes[ALL_BUT_READING] = " ".join(set(Scope) - {Scope.PAYMENTS_READ, Scope.PAYMENTS_PAY})
    callers = {who: over_http(Client(shop.http, token("somebody-else", given))) for who, given in scopes.items()}

    answered = await walk(callers, from_every_root(world, await world.objects()))

    assert {scope: _objects(answered[scope.value]) for scope in Scope} == LEADS_TO
    without = frozenset().union(*(kinds for scope, kinds in LEADS_TO.items() if scope is not Scope.PAYMENTS_READ))
    assert _objects(answered[ALL_BUT_READING]) == without
    told = {scope: answered[scope.value].leaks(secrets) for scope in Scope if scope is not Scope.PAYMENTS_READ}
    fields = {scope: frozenset(field for field, _ in places) for scope, places in told.items() if places}
    assert fields == MAY_TELL


async def test_a_repeated_act_shows_others_nothing_of_it(shop: Shop) -> None:
    """Every mutation is sent again with its key: by its own caller, then by everybody else who may not."""
    world = await build(shop)
    those = await strangers(world)
    powerless = [Scope.FINANCE_READ, Scope.OPS_READ, Scope.EXPLORER]
    secrets = await secrets_of(FIRST) | await secrets_of(SECOND) | OF_THE_STAFF
    those |= {
        scope.value: Who(Client(shop.http, token("somebody-else", scope.value)), secrets, frozenset())
        for scope in powerless
    }
    before = _at_stripe(shop)

    edges = set(world.answered.edges)
    for maker, act in world.acts:
        edges |= (await walk({maker: over_http(world.client(maker))}, [act]))[maker].edges
    await _until_stripe_is_asked(shop, world.waiting)
    answered = await walk({who: over_http(one.client) for who, one in those.items()}, [act for _, act in world.acts])

    assert _leaks(those, answered) == {}
    assert _at_stripe(shop) == before
    mine, _ = all_edges("Mutation")
    others, _ = all_edges("Query")
    assert mine - others - edges == set()
    assert set(OF_PAYLOADS) <= edges


async def _until_stripe_is_asked(shop: Shop, payment_id: str) -> None:
    """Repeat the refund that Stripe does not answer, which may open the circuit."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await shop.staff.ask(SYNC, id=payment_id))["syncPayment"]["errors"]:
            await asyncio.sleep(0.05)


def _leaks(those: Mapping[str, Who], answered: Mapping[str, Answered]) -> dict[str, object]:
    """List the disclosed values by caller, and the document of each."""
    found = {who: answered[who].leaks(one.secrets) for who, one in those.items()}
    return {who: leaks for who, leaks in found.items() if leaks}


def _objects(answered: Answered) -> set[str]:
    """Return the types of the returned objects, without the viewer and the pages around them."""
    pages = {kind for kind in answered.kinds if kind.endswith(("Connection", "Edge", "PageInfo"))}
    return answered.kinds - pages - {"Viewer", "Actor"}


def _at_stripe(shop: Shop) -> list[int]:
    there = shop.sandbox.snapshot()
    return [len(there.payment_intents), len(there.charges), len(there.refunds), len(there.setup_intents)]
