"""A person decides what Stripe cannot answer: with evidence, never against what Stripe shows."""

import pytest

from database.statements import query_rows
from tests.support.shop import ERROR_FIELDS, Client, Json, Shop, key, token

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

CONFIRM = "/v1/payment_intents/[^/]+/confirm"
MANY = 1_000
HOUR = 3_600
REVIEWED = "id state effect error { code message } review { outcome evidence stripeId actor { subject kind } }"
RESOLVE = f"""
mutation R($id: ID!, $outcome: ReviewOutcome!, $evidence: String!, $stripeId: ID) {{
  resolveOperation(id: $id, outcome: $outcome, evidence: $evidence, stripeId: $stripeId) {{
    operation {{ {REVIEWED} }} errors {{ {ERROR_FIELDS} }}
  }}
}}
"""


async def _pass(shop: Shop, seconds: float) -> None:
    """Let time pass for the open operations, and let the worker do due work."""
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [seconds],
    )
    await shop.runtime.worker.drain()


async def _waiting(shop: Shop) -> list[Json]:
    data = await shop.staff.ask(
        "{ openOperations(state: [NEEDS_REVIEW]) { edges { node { id kind state effect"
        " result { __typename ... on Refund { id } ... on Payment { id } } } } } }"
    )
    return [edge["node"] for edge in data["openOperations"]["edges"]]


async def _resolve(shop: Shop, outcome: str, *, by: Client | None = None, **more: str | None) -> Json:
    given = {"id": await _id_of(shop), "evidence": "Seen in the Dashboard by Ada.", **more}
    data = await (by or shop.staff).ask(RESOLVE, outcome=outcome, **given)
    payload: Json = data["resolveOperation"]
    return payload


async def _id_of(shop: Shop) -> str:
    [waiting] = await _waiting(shop)
    return str(waiting["id"])


async def _lost_refund(shop: Shop, kind: str = "drop_after") -> tuple[Json, str]:
    """Create a partial refund whose answer was lost, unknown to Stripe for 21 hours."""
    payment, one_key = await shop.paid(), key()
    shop.sandbox.fault(kind=kind, method="POST", path="/v1/refunds")
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/refunds", times=MANY)
    await shop.refund(payment["id"], 3_000, with_key=one_key)
    await _pass(shop, 21 * HOUR)
    return payment, one_key


async def test_without_facts_after_20_hours_a_person_is_called_and_the_reservation_stays(shop: Shop) -> None:
    payment, one_key = await _lost_refund(shop)

    [waiting] = await _waiting(shop)
    again = await shop.refund(payment["id"], 3_000, with_key=one_key)
    other = await shop.refund(payment["id"], 1_000)

    assert (waiting["kind"], waiting["state"], waiting["effect"]) == ("REFUND_PAYMENT", "NEEDS_REVIEW", "UNKNOWN")
    assert waiting["result"]["__typename"] == "Refund"
    assert [(e["code"], e["retryable"]) for e in again["errors"]] == [("OUTCOME_UNKNOWN", True)]
    assert [e["code"] for e in other["errors"]] == ["INVALID_STATE"]
    assert (await shop.payment(payment["id"]))["amountRefundable"] == {"amount": 7_000}
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [3_000]


async def test_an_answer_that_is_none_calls_a_person_after_a_quarter_of_an_hour(shop: Shop) -> None:
    """Stripe answers that there is no such payment: a retry will not change that."""
    payload = await _lost_confirmation(shop)
    await query_rows("UPDATE payment SET stripe_payment_intent_id = 'pi_gone'", [])

    await _pass(shop, 61)
    early = await _waiting(shop)
    await _pass(shop, 15 * 60)

    assert early == []
    assert [o["result"]["id"] for o in await _waiting(shop)] == [payload["payment"]["id"]]


async def test_it_is_looked_at_again_every_hour_and_resolves_itself_when_stripe_can_tell(shop: Shop) -> None:
    payment, _ = await _lost_refund(shop)
    [row] = await query_rows(
        "SELECT extract(epoch FROM due - now())::int AS wait FROM operation WHERE due IS NOT NULL", []
    )
    shop.sandbox.clear_faults()

    await _pass(shop, HOUR)

    assert 1_700 <= row["wait"] <= HOUR
    assert await _waiting(shop) == []
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 3_000}


async def test_what_happened_is_shown_by_an_object_of_stripes(shop: Shop) -> None:
    payment, one_key = await _lost_refund(shop)
    [refund] = shop.sandbox.snapshot().refunds

    payload = await _resolve(shop, "HAPPENED", stripeId=refund["id"])
    replay = await shop.refund(payment["id"], 3_000, with_key=one_key)

    assert payload["errors"] == []
    assert payload["operation"]["state"] == "SUCCEEDED"
    assert payload["operation"]["review"] == {
        "outcome": "HAPPENED",
        "evidence": "Seen in the Dashboard by Ada.",
        "stripeId": refund["id"],
        "actor": {"subject": "clerk", "kind": "SERVICE"},
    }
    assert replay["errors"] == []
    assert replay["replayed"] is True
    assert replay["refund"]["status"] == "SUCCEEDED"
    assert (await shop.timeline(payment["id"]))[-2:] == ["refund.succeeded", "operation.reviewed"]
    data = await shop.staff.ask("{ integrity { ledgerBalanced auditChainVerifiedThrough } }")
    assert data["integrity"]["ledgerBalanced"] is True


@pytest.mark.parametrize("stripe_id", [None, "pi_123", "re_unknown", "another amount", "another payment"])
async def test_what_does_not_fit_proves_nothing(shop: Shop, stripe_id: str | None) -> None:
    elsewhere = await shop.paid()
    foreign = await shop.refund(elsewhere["id"], 3_000)
    await _lost_refund(shop)
    if stripe_id == "another amount":
        stripe_id = (await shop.dashboard_refund(2_000))["id"]
    elif stripe_id == "another payment":
        stripe_id = next(r["id"] for r in shop.sandbox.snapshot().refunds if r["amount"] == 3_000)
        assert foreign["errors"] == []

    payload = await _resolve(shop, "HAPPENED", stripeId=stripe_id)

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("VALIDATION_FAILED", ["stripeId"])]
    assert payload["operation"] is None
    assert len(await _waiting(shop)) == 1


async def test_a_refund_that_is_anothers_already_proves_nothing(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"], 3_000)
    [first] = shop.sandbox.snapshot().refunds
    shop.sandbox.fault(kind="drop_before", method="POST", path="/v1/refunds")
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/refunds", times=MANY)
    await shop.refund(payment["id"], 3_000)
    await _pass(shop, 21 * HOUR)

    payload = await _resolve(shop, "HAPPENED", stripeId=first["id"])

    assert [e["path"] for e in payload["errors"]] == [["stripeId"]]
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 3_000}


@pytest.mark.parametrize("whose", ["the Dashboard's", "a refund of ours that was forgotten here"])
async def test_a_refund_of_the_same_amount_that_is_anothers_proves_nothing(shop: Shop, whose: str) -> None:
    """Without metadata, and known here already; or with the id of another refund, of which we have no row."""
    payment = await shop.paid()
    [intent] = shop.sandbox.snapshot().payment_intents
    metadata = {} if whose == "the Dashboard's" else {"metadata": {"refund_id": "01890000-0000-7000-8000-000000000000"}}
    other = await shop.stripe("refunds", {"payment_intent": intent["id"], "amount": 3_000, **metadata})
    if not metadata:
        await shop.staff.do("syncPayment", paymentId=payment["id"])
    shop.sandbox.fault(kind="drop_before", method="POST", path="/v1/refunds")
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/refunds", times=MANY)
    await shop.refund(payment["id"], 3_000)
    await _pass(shop, 21 * HOUR)

    payload = await _resolve(shop, "HAPPENED", stripeId=other["id"])

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("VALIDATION_FAILED", ["stripeId"])]
    assert len(await _waiting(shop)) == 1


async def test_what_did_not_happen_gives_its_room_back_and_never_runs_again(shop: Shop) -> None:
    payment, one_key = await _lost_refund(shop, "drop_before")
    shop.sandbox.clear_faults()

    payload = await _resolve(shop, "DID_NOT_HAPPEN")
    replay = await shop.refund(payment["id"], 3_000, with_key=one_key)
    fresh = await shop.refund(payment["id"], 10_000)

    assert payload["operation"]["state"] == "FAILED"
    assert [e["code"] for e in replay["errors"]] == ["PROVIDER_REJECTED"]
    assert replay["replayed"] is True
    assert fresh["errors"] == []
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [10_000]


async def test_nobody_overrules_what_stripe_shows(shop: Shop) -> None:
    payment, _ = await _lost_refund(shop)
    shop.sandbox.clear_faults()

    payload = await _resolve(shop, "DID_NOT_HAPPEN")

    assert [e["code"] for e in payload["errors"]] == ["INVALID_STATE"]
    assert (await shop.payment(payment["id"]))["amountRefundable"] == {"amount": 7_000}
    assert len(await _waiting(shop)) == 1


async def test_a_person_can_have_it_looked_at_again(shop: Shop) -> None:
    payment, _ = await _lost_refund(shop)
    shop.sandbox.clear_faults()

    payload = await _resolve(shop, "LOOK_AGAIN")
    await shop.runtime.worker.drain()

    assert payload["operation"]["state"] == "UNRESOLVED"
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 3_000}
    assert await _waiting(shop) == []


async def _lost_confirmation(shop: Shop, kind: str = "drop_after") -> Json:
    shop.sandbox.fault(kind=kind, method="POST", path=CONFIRM)
    return await shop.pay(await shop.order())


async def test_a_lost_confirmation_is_settled_by_what_stripe_has_of_the_payment(shop: Shop) -> None:
    payload = await _lost_confirmation(shop)
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/payment_intents/.*", times=MANY)
    await _pass(shop, 21 * HOUR)
    before = await shop.payment(payload["payment"]["id"])
    shop.sandbox.clear_faults()

    settled = await _resolve(shop, "HAPPENED")

    assert before["status"] == "UNKNOWN"
    assert settled["operation"]["state"] == "SUCCEEDED"
    assert (await shop.payment(payload["payment"]["id"]))["status"] == "SUCCEEDED"


async def test_a_lost_confirmation_that_never_came_frees_the_payment(shop: Shop) -> None:
    payload = await _lost_confirmation(shop, "drop_before")
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/payment_intents/.*", times=MANY)
    await _pass(shop, 21 * HOUR)
    shop.sandbox.clear_faults()

    refused = await _resolve(shop, "HAPPENED")
    settled = await _resolve(shop, "DID_NOT_HAPPEN")
    canceled = await shop.buyer.do("cancelPayment", input={"paymentId": payload["payment"]["id"]}, key=key())

    assert [e["code"] for e in refused["errors"]] == ["INVALID_STATE"]
    assert settled["operation"]["state"] == "FAILED"
    assert canceled["errors"] == []
    assert not [i for i in shop.sandbox.snapshot().payment_intents if i["amount_received"]]


async def test_a_lost_creation_is_bound_to_the_payment_that_was_found_and_goes_on(shop: Shop) -> None:
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/payment_intents")
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/payment_intents", times=MANY)
    payload = await shop.pay(await shop.order())
    await _pass(shop, 21 * HOUR)
    [intent] = shop.sandbox.snapshot().payment_intents

    settled = await _resolve(shop, "HAPPENED", stripeId=intent["id"])

    assert settled["errors"] == []
    assert settled["operation"]["state"] == "SUCCEEDED"
    assert (await shop.payment(payload["payment"]["id"]))["status"] == "SUCCEEDED"
    assert len(shop.sandbox.snapshot().payment_intents) == 1


async def test_only_operators_settle_and_only_what_needs_it(shop: Shop) -> None:
    await _lost_refund(shop)
    reader = Client(shop.http, token("reader", "ops:read"))
    [operation] = await _waiting(shop)

    refused = await _resolve(shop, "LOOK_AGAIN", by=reader)
    anonymous = await shop.anonymous.post(RESOLVE, {"id": operation["id"], "outcome": "LOOK_AGAIN", "evidence": "none"})
    card = await shop.staff.post(
        RESOLVE, {"id": operation["id"], "outcome": "LOOK_AGAIN", "evidence": "card 4242 4242 4242 4242"}
    )
    empty = await _resolve(shop, "LOOK_AGAIN", evidence="  ")
    await _resolve(shop, "LOOK_AGAIN")
    data = await shop.staff.ask(RESOLVE, id=operation["id"], outcome="LOOK_AGAIN", evidence="again")
    unknown = await shop.staff.ask(RESOLVE, id="operation_x", outcome="LOOK_AGAIN", evidence="again")

    assert [e["code"] for e in refused["errors"]] == ["FORBIDDEN"]
    assert anonymous.json()["errors"]
    assert [e["extensions"]["reason"] for e in card.json()["errors"]] == ["SENSITIVE_DATA_REFUSED"]
    assert [(e["code"], e["path"]) for e in empty["errors"]] == [("VALIDATION_FAILED", ["evidence"])]
    assert [e["code"] for e in data["resolveOperation"]["errors"]] == ["INVALID_STATE"]
    assert [e["code"] for e in unknown["resolveOperation"]["errors"]] == ["NOT_FOUND"]


async def test_the_owner_of_the_key_does_not_read_the_evidence(shop: Shop) -> None:
    payload = await _lost_confirmation(shop)
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/payment_intents/.*", times=MANY)
    await _pass(shop, 21 * HOUR)
    shop.sandbox.clear_faults()
    await _resolve(shop, "HAPPENED")

    query = "query N($id: ID!) { node(id: $id) { ... on Operation { state review { evidence } } } }"
    own = await shop.buyer.ask(query, id=payload["operation"]["id"])
    staff = await shop.staff.ask(query, id=payload["operation"]["id"])
    foreign = await shop.stranger.ask(query, id=payload["operation"]["id"])

    assert own["node"] == {"state": "SUCCEEDED", "review": None}
    assert staff["node"]["review"] == {"evidence": "Seen in the Dashboard by Ada."}
    assert foreign["node"] is None
