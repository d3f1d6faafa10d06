"""Reconciliation over GraphQL, and a person's actions on a finding."""

from models import Discrepancy, PaymentEvent
from tests.reconcile.faults import business, change, found, reconcile
from tests.support.rows import row_id
from tests.support.shop import Json, Shop, token

RUNS = """{ reconciliationRuns(first: 5) {
  id startedAt finishedAt window checked repaired
  discrepancies { edges { node { kind } } pageInfo { hasNextPage } }
} }"""
FOUND = """query F($state: [DiscrepancyState!]) { discrepancies(state: $state) { edges { cursor node {
  id kind state resolution detectedAt local provider payment { id }
} } } }"""
OPEN = "{ discrepancies { edges { node { id } } } }"
INTEGRITY = """{ integrity {
  healthy ledgerBalanced unresolvedOperations oldestUnprocessedWebhookMs openDiscrepancies
  auditChainVerifiedThrough lastReconciledAt
} }"""
RESOLVE = """mutation R($id: ID!, $resolution: String!, $repair: Boolean!) {
  resolveDiscrepancy(id: $id, resolution: $resolution, repair: $repair) { ok affected errors { code path } }
}"""


async def drifted(shop: Shop) -> Json:
    """Open a shop whose second payment lost its paid status, reconciled: the payment."""
    _, payment, _ = await business(shop)
    identity = row_id(payment["id"])
    await change("UPDATE payment SET status = 'PROCESSING', captured_minor = 0 WHERE id = $1", identity)
    await change("UPDATE orders SET paid_minor = 0 WHERE id = $1", row_id(payment["order"]["id"]))
    await reconcile(shop)
    return payment


async def resolve(shop: Shop, identity: str, *, repair: bool, resolution: str = "seen by finance") -> Json:
    data = await shop.staff.ask(RESOLVE, id=identity, resolution=resolution, repair=repair)
    payload: Json = data["resolveDiscrepancy"]
    return payload


async def the_open_one(shop: Shop) -> str:
    [edge] = (await shop.staff.ask(OPEN))["discrepancies"]["edges"]
    return str(edge["node"]["id"])


async def test_runs_and_what_they_found_can_be_read(shop: Shop) -> None:
    payment = await drifted(shop)

    [run] = (await shop.staff.ask(RUNS))["reconciliationRuns"]
    [edge] = (await shop.staff.ask(FOUND, state=None))["discrepancies"]["edges"]

    assert run["discrepancies"]["edges"] == [{"node": {"kind": "STATUS_DRIFT"}}]
    assert run["finishedAt"] is not None
    node = edge["node"]
    assert node["payment"] == {"id": payment["id"]}
    assert (node["local"]["status"], node["provider"]["status"]) == ("PROCESSING", "SUCCEEDED")
    assert (node["state"], node["resolution"]) == ("OPEN", None)


async def test_each_of_them_is_a_node_for_finance_alone(shop: Shop) -> None:
    await drifted(shop)
    [run] = (await shop.staff.ask(RUNS))["reconciliationRuns"]
    ids = [run["id"], await the_open_one(shop)]
    query = "query N($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"

    seen = await shop.staff.ask(query, ids=ids)
    unseen = await shop.buyer.ask(query, ids=ids)

    assert [node["__typename"] for node in seen["nodes"]] == ["ReconciliationRun", "Discrepancy"]
    assert unseen["nodes"] == [None, None]


async def test_integrity_tells_a_healthy_shop_from_one_with_a_finding(shop: Shop) -> None:
    before = (await shop.staff.ask(INTEGRITY))["integrity"]
    await drifted(shop)

    after = (await shop.staff.ask(INTEGRITY))["integrity"]

    assert before == {
        "healthy": True,
        "ledgerBalanced": True,
        "unresolvedOperations": 0,
        "oldestUnprocessedWebhookMs": 0,
        "openDiscrepancies": 0,
        "auditChainVerifiedThrough": None,
        "lastReconciledAt": None,
    }
    assert (after["healthy"], after["ledgerBalanced"], after["openDiscrepancies"]) == (False, True, 1)
    assert after["lastReconciledAt"] is not None
    assert after["auditChainVerifiedThrough"] is not None


async def test_integrity_tells_a_broken_chain_from_sums_that_do_not_add_up(shop: Shop) -> None:
    first, second, _ = await business(shop)
    await change("ALTER TABLE payment_event DISABLE TRIGGER USER")
    tampered = "UPDATE payment_event SET amount_minor = 1 WHERE order_id = $1 AND sequence = 2"
    await change(tampered, row_id(first["order"]["id"]))
    await reconcile(shop)
    chain = (await shop.staff.ask(INTEGRITY))["integrity"]
    await change("UPDATE orders SET paid_minor = paid_minor + 1 WHERE id = $1", row_id(second["order"]["id"]))
    await reconcile(shop)

    both = (await shop.staff.ask(INTEGRITY))["integrity"]

    assert (chain["healthy"], chain["ledgerBalanced"], chain["auditChainVerifiedThrough"]) == (False, True, None)
    assert (both["ledgerBalanced"], both["openDiscrepancies"]) == (False, 2)


async def test_a_person_may_repair_one_and_it_is_the_reconciler_in_the_trail(shop: Shop) -> None:
    payment = await drifted(shop)

    payload = await resolve(shop, await the_open_one(shop), repair=True)

    assert payload == {"ok": True, "affected": 1, "errors": []}
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"
    row = await Discrepancy.get()
    assert row.state == "REPAIRED"
    assert row.resolution == "seen by finance"
    assert row.resolved_by is not None
    assert row.resolved_by["id"] == "clerk"
    event = await PaymentEvent.filter(payment_id=row_id(payment["id"])).order_by("-sequence").first()
    assert event is not None
    assert event.actor["kind"] == "RECONCILER"


async def test_a_repair_that_does_not_help_leaves_it_open(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await change("UPDATE payment SET amount_minor = 9999 WHERE id = $1", row_id(payment["id"]))
    await reconcile(shop)

    payload = await resolve(shop, await the_open_one(shop), repair=True)

    assert payload == {"ok": False, "affected": 0, "errors": [{"code": "INVALID_STATE", "path": ["repair"]}]}
    assert len(await found()) == 1


async def test_what_was_accepted_is_news_again_only_with_other_figures(shop: Shop) -> None:
    payment = await drifted(shop)
    accepted = await resolve(shop, await the_open_one(shop), repair=False)

    await reconcile(shop)
    quiet = await found()
    await change("UPDATE payment SET status = 'REQUIRES_ACTION' WHERE id = $1", row_id(payment["id"]))
    await reconcile(shop)

    assert accepted["ok"]
    assert quiet == []
    assert [kind for kind, _ in await found()] == ["STATUS_DRIFT"]


async def test_a_closed_a_missing_or_an_unexplained_one_is_refused(shop: Shop) -> None:
    await drifted(shop)
    identity = await the_open_one(shop)
    silent = await resolve(shop, identity, repair=False, resolution="  ")
    await resolve(shop, identity, repair=False)

    twice = await resolve(shop, identity, repair=False)
    missing = await resolve(shop, "discrepancy_01h455vb4pex5vsknk084sn02q", repair=False)

    assert silent["errors"] == [{"code": "VALIDATION_FAILED", "path": ["resolution"]}]
    assert twice["errors"] == [{"code": "INVALID_STATE", "path": ["id"]}]
    assert missing["errors"] == [{"code": "NOT_FOUND", "path": ["id"]}]


async def test_finance_may_read_and_not_resolve(shop: Shop) -> None:
    await drifted(shop)
    identity = await the_open_one(shop)
    shop.staff.token = token("accountant", "finance:read")

    payload = await resolve(shop, identity, repair=False)

    assert [error["code"] for error in payload["errors"]] == ["FORBIDDEN"]
    [edge] = (await shop.staff.ask(FOUND, state=["OPEN"]))["discrepancies"]["edges"]
    assert edge["node"]["payment"] is None
