"""An abandoned request may still arrive: a read that does not find it proves nothing while one can be on its way."""

import pytest

from database.statements import query_rows
from models import Operation
from tests.support.shop import Shop

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting


async def _age(seconds: float) -> None:
    """Let time pass for the open operations: all their timestamps move into the past."""
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [seconds],
    )


def _posts(shop: Shop, part: str) -> list[dict[str, str]]:
    return [r for r in shop.sandbox.snapshot().requests if r["method"] == "POST" and part in r["path"]]


async def test_what_left_at_the_last_moment_is_waited_for(shop: Shop) -> None:
    """After 20 hours no request is sent, but one may be on its way: a read that finds nothing is no proof yet."""
    payment = await shop.paid()
    shop.sandbox.fault(kind="drop_before", method="POST", path="/v1/refunds")
    await shop.refund(payment["id"], 3_000)
    await _age(20 * 3600)
    await shop.runtime.worker.drain()
    between = await Operation.get(kind="REFUND_PAYMENT")
    sent_between = len(_posts(shop, "refunds"))

    await _age(15 * 60)
    await shop.runtime.worker.drain()

    assert (between.state, between.generation) == ("UNRESOLVED", 1)
    assert sent_between == 0
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [3_000]
    assert (await Operation.get(kind="REFUND_PAYMENT")).generation == 2


async def test_a_fresh_500_gives_no_new_key(shop: Shop) -> None:
    """Only a replayed 500 is stored under the key: after any other, an earlier request may still be executed."""
    payment = await shop.paid()
    shop.sandbox.fault(kind="error_500_before", method="POST", path="/v1/refunds")
    await shop.refund(payment["id"], 3_000)
    fresh = (await Operation.get(kind="REFUND_PAYMENT")).last_problem
    await _age(16 * 60)

    await shop.runtime.worker.drain()
    repeated = await Operation.get(kind="REFUND_PAYMENT")
    await _age(0)
    await shop.runtime.worker.drain()

    assert fresh == "no_answer"
    assert (repeated.last_problem, repeated.generation) == ("server_error", 1)
    assert (await Operation.get(kind="REFUND_PAYMENT")).generation == 2
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [3_000]
