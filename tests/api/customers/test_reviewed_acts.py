"""Acts on customers that were left to a person: who looks again, and why, is kept as of acts with money."""

from datetime import UTC, datetime

import pytest

from domain.ids import Kind, encode
from models import CustomerEvent, Operation
from services.audit.customer_trail import find_broken_customer_chains
from services.money.operations import customer_steps
from tests.support.customers import kept, saved
from tests.support.shop import Shop, key

RESOLVE = """mutation R($id: ID!, $outcome: ReviewOutcome!, $evidence: String!) {
  resolveOperation(id: $id, outcome: $outcome, evidence: $evidence) {
    errors { code path } operation { state review { outcome evidence actor { subject } } } } }"""


async def test_who_looks_again_at_an_act_on_a_customer_is_in_their_chain(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two crashes of ours have left it to a person."""

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    method = await saved(shop)
    monkeypatch.setattr(customer_steps, "succeed", fails)
    await shop.buyer.do("setDefaultPaymentMethod", id=method["id"], key=key())
    await Operation.filter(due__isnull=False).update(due=datetime(2020, 1, 1, tzinfo=UTC))
    await shop.runtime.worker.drain()
    waiting = await Operation.get(due__isnull=False)
    monkeypatch.undo()

    given = {"id": encode(Kind.OPERATION, waiting.id), "evidence": "The bug of build 7 is fixed."}
    refused = (await shop.staff.ask(RESOLVE, outcome="HAPPENED", **given))["resolveOperation"]
    resolved = (await shop.staff.ask(RESOLVE, outcome="LOOK_AGAIN", **given))["resolveOperation"]

    review = {"outcome": "LOOK_AGAIN", "evidence": "The bug of build 7 is fixed.", "actor": {"subject": "clerk"}}
    assert (waiting.state, [error["path"] for error in refused["errors"]]) == ("NEEDS_REVIEW", [["outcome"]])
    assert (resolved["errors"], resolved["operation"]) == ([], {"state": "SUCCEEDED", "review": review})
    assert [one["isDefault"] for one in await kept(shop)] == [True]
    reviewed = await CustomerEvent.get(type="operation.reviewed")
    assert (reviewed.actor["id"], reviewed.after["review"]["evidence"]) == ("clerk", given["evidence"])
    assert await find_broken_customer_chains([reviewed.customer_id]) == {}
