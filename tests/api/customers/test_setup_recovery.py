"""Setups whose answers are lost, whose customers are gone, whose news come late: each ends as Stripe has it, once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from stripe import WebhookSignature

from database.statements import query_rows
from models import CustomerEvent, Operation, SetupIntent
from tests.api.recovery.layers import LAYERS, apply_webhooks, patient_shop, run_janitor
from tests.support.customers import (
    at_stripe,
    begin_setup,
    begun,
    browser_sets_up,
    customers_at_stripe,
    kept,
    saved,
    setup_of,
    setups_at_stripe,
)
from tests.support.shop import WEBHOOK_SECRET, Json, Shop, key

CREATE_AT_STRIPE = "/v1/setup_intents"
LOST = ("drop_after", "drop_before", "error_500_after", "error_500_before")


@pytest.mark.shop_settings(sticky_error_seconds=0.5, unknown_grace_seconds=0.2)
@pytest.mark.parametrize("path", [CREATE_AT_STRIPE, "/v1/customers"])
@pytest.mark.parametrize("kind", LOST)
async def test_an_answer_that_is_lost_makes_one_setup(shop: Shop, kind: str, path: str) -> None:
    await shop.order()
    shop.sandbox.fault(kind=kind, method="POST", path=path)

    payload = await begin_setup(shop)

    assert payload["errors"] == []
    assert payload["setupIntent"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert len(setups_at_stripe(shop)) == len(customers_at_stripe(shop)) == 1


async def test_a_refusal_of_stripes_is_an_error_and_the_end(shop: Shop) -> None:
    await shop.order(customer="buyer", customerEmail="buyer@shop.example")
    shop.between.instead = _refusing("/v1/setup_intents", "parameter_invalid", "usage")
    one_key = key()

    payload, again = await begin_setup(shop, with_key=one_key), await begin_setup(shop, with_key=one_key)

    assert [error["code"] for error in payload["errors"]] == ["PROVIDER_REJECTED"]
    assert [error["code"] for error in again["errors"]] == ["PROVIDER_REJECTED"]
    assert (again["replayed"], again["setupIntent"]["status"]) == (True, "CANCELED")
    assert again["setupIntent"]["lastError"]["code"] == "PROVIDER_REJECTED"
    assert (again["operation"]["state"], again["operation"]["effect"]) == ("FAILED", "NONE")
    assert [event.type for event in await CustomerEvent.all().order_by("-sequence").limit(1)] == [
        "setup_intent.refused"
    ]


def _refusing(path: str, code: str, param: str) -> Callable[[httpx.Request], httpx.Response | None]:
    body = {"error": {"type": "invalid_request_error", "code": code, "param": param, "message": "No."}}

    def instead(request: httpx.Request) -> httpx.Response | None:
        is_it = request.method == "POST" and request.url.path == path
        return httpx.Response(400, json=body, request=request) if is_it else None

    return instead


async def test_a_customer_deleted_at_stripe_fails_once_and_is_made_anew(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)
    await at_stripe(shop, "DELETE", f"/v1/customers/{made['id']}")

    refused, again = await begin_setup(shop), await begin_setup(shop)

    assert [error["code"] for error in refused["errors"]] == ["PROVIDER_REJECTED"]
    assert refused["setupIntent"]["status"] == "CANCELED"
    assert again["errors"] == []
    assert [setup["customer"] for setup in setups_at_stripe(shop)] != [made["id"]]


async def test_a_setup_of_which_nobody_heard_is_unknown_and_said_so(shop: Shop) -> None:
    await shop.order()
    shop.sandbox.fault(kind="drop_after", method="POST", path=CREATE_AT_STRIPE, times=9)
    one_key = key()

    lost = await begin_setup(shop, with_key=one_key)
    shop.sandbox.clear_faults()
    await shop.deliver()
    found = await begin_setup(shop, with_key=one_key)

    assert [(error["code"], error["retryable"]) for error in lost["errors"]] == [("OUTCOME_UNKNOWN", True)]
    assert lost["setupIntent"]["status"] == "UNKNOWN"
    assert (lost["operation"]["state"], lost["operation"]["effect"]) == ("UNRESOLVED", "UNKNOWN")
    assert (found["replayed"], found["errors"]) == (True, [])
    assert found["setupIntent"] == lost["setupIntent"] | {"status": "REQUIRES_PAYMENT_METHOD"}
    assert len(setups_at_stripe(shop)) == 1


@pytest.mark.shop_settings(request_budget_seconds=0)
@pytest.mark.parametrize(("kind", "made"), [("drop_after", 1), ("drop_before", 0)])
async def test_a_setup_of_which_nobody_heard_for_a_day_is_looked_for(shop: Shop, kind: str, made: int) -> None:
    """A key that Stripe has forgotten is not sent again: the setup is found by listing, or made under another key."""
    await shop.order()
    shop.sandbox.fault(kind=kind, method="POST", path=CREATE_AT_STRIPE)
    lost = await begin_setup(shop)
    assert len(setups_at_stripe(shop)) == made
    await query_rows(
        "UPDATE operation SET due = now(), created_at = created_at - interval '21 hours',"
        " first_sent_at = first_sent_at - interval '21 hours' WHERE due IS NOT NULL"
    )

    while await shop.runtime.worker.run_next():
        pass

    [setup] = setups_at_stripe(shop)
    assert [entry["idempotency_key"].rpartition(":")[2] for entry in _posts(shop)] == [str(2 - made)]
    assert (await setup_of(shop, lost["setupIntent"]["id"]))["status"] == "REQUIRES_PAYMENT_METHOD"
    assert (await SetupIntent.get()).stripe_setup_intent_id == setup["id"]
    assert (await Operation.get(kind="CREATE_SETUP_INTENT")).state == "SUCCEEDED"


def _posts(shop: Shop) -> list[Json]:
    entries = shop.sandbox.snapshot().requests
    return [entry for entry in entries if (entry["method"], entry["path"]) == ("POST", CREATE_AT_STRIPE)]


async def test_a_commit_that_is_lost_with_its_rows_makes_no_second_setup(shop: Shop) -> None:
    """A restored backup knows neither the key nor the setup; a client that repeats its key reaches the same one."""
    await saved(shop)
    one_key = key()
    first = await begin_setup(shop, with_key=one_key)
    await query_rows("DELETE FROM operation WHERE kind = 'CREATE_SETUP_INTENT'")
    await query_rows("DELETE FROM setup_intent")

    second = await begin_setup(shop, with_key=one_key)

    assert second["errors"] == []
    assert second["setupIntent"]["id"] == first["setupIntent"]["id"]
    assert len(setups_at_stripe(shop)) == 1


async def test_an_answer_that_stripe_repeats_is_fetched_before_it_is_believed(shop: Shop) -> None:
    """The first answer was lost; until the second, which repeats it, the customer has confirmed in another window."""
    await saved(shop)
    shop.sandbox.fault(kind="drop_after", method="POST", path=CREATE_AT_STRIPE, times=9)
    one_key = key()
    await begin_setup(shop, with_key=one_key)
    shop.sandbox.clear_faults()
    await browser_sets_up(shop, "pm_card_mastercard")

    payload = await begin_setup(shop, with_key=one_key)

    assert payload["setupIntent"]["status"] == "SUCCEEDED"
    assert len(await kept(shop)) == 2


async def test_news_in_any_order_and_twice_are_what_stripe_has(shop: Shop) -> None:
    setup_id = await begun(shop)
    await browser_sets_up(shop, "pm_card_chargeDeclinedExpiredCard")
    await browser_sets_up(shop)
    await shop.deliver()
    ended = await setup_of(shop, setup_id)
    before = await CustomerEvent.all().count()

    await query_rows("UPDATE webhook_event SET state = 'RECEIVED', due = now() - random() * interval '1 hour'")
    await shop.deliver()

    assert ended["status"] == "SUCCEEDED"
    assert await setup_of(shop, setup_id) == ended
    assert await CustomerEvent.all().count() == before


async def test_a_look_that_was_overtaken_asks_again(shop: Shop) -> None:
    """Another process writes a later answer while this one holds an answer from before the end."""
    setup_id = await begun(shop)
    await browser_sets_up(shop, "pm_card_authenticationRequired")
    await shop.sandbox.deliver_due()
    [setup] = setups_at_stripe(shop)
    looks = 0

    async def answered(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        nonlocal looks
        if request.method == "GET" and request.url.path.startswith("/v1/setup_intents/"):
            looks += 1
            if looks == 1:
                await shop.stripe(f"setup_intents/{setup['id']}/complete", {})
                await query_rows("UPDATE setup_intent SET version = version + 1")  # another process has written
        return response

    shop.between.answered = answered
    while await shop.runtime.worker.apply_next():  # the event of the end has not come
        pass

    assert looks == 2
    assert (await setup_of(shop, setup_id))["status"] == "SUCCEEDED"


async def test_a_thin_event_that_overtakes_the_answer_finds_its_setup(shop: Shop) -> None:
    setup_id = await begun(shop)
    await browser_sets_up(shop)
    [setup] = setups_at_stripe(shop)
    await query_rows("UPDATE setup_intent SET stripe_setup_intent_id = NULL, status = 'INITIATED'")
    about = {"id": setup["id"], "type": "setup_intent", "url": f"/v1/setup_intents/{setup['id']}"}
    event = {
        "id": "evt_test_65S",
        "object": "v2.core.event",
        "type": "v1.setup_intent.succeeded",
        "livemode": False,
        "created": datetime.now(UTC).isoformat(),
        "related_object": about,
    }
    raw = json.dumps(event)
    header = WebhookSignature.generate_signature_header(raw, WEBHOOK_SECRET, timestamp=int(time.time()))

    answer = await shop.webhook(raw.encode(), header)
    await shop.runtime.worker.drain()

    assert answer.status_code == 200
    assert (await setup_of(shop, setup_id))["status"] == "SUCCEEDED"


@pytest.mark.shop_settings(request_budget_seconds=0)
async def test_a_look_ends_the_operation_that_waits_for_it(shop: Shop) -> None:
    await shop.order()
    shop.sandbox.fault(kind="drop_after", method="POST", path=CREATE_AT_STRIPE)
    await begin_setup(shop)

    await shop.sandbox.deliver_due()
    while await shop.runtime.worker.apply_next():
        pass

    assert (await Operation.get(kind="CREATE_SETUP_INTENT")).state == "SUCCEEDED"


# -- each layer alone --------------------------------------------------------------------------------------------------


@pytest.fixture
async def patient(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with patient_shop(database_url, tmp_path / "state") as opened:
        yield opened


@pytest.mark.parametrize("layer", LAYERS)
async def test_each_layer_alone_finds_out_what_became_of_a_setup(patient: Shop, layer: str) -> None:
    shop, with_key = patient, key()
    await saved(shop)
    await apply_webhooks(shop, lambda: asyncio.sleep(0))
    shop.sandbox.fault(kind="drop_after", method="POST", path=CREATE_AT_STRIPE)

    lost = await begin_setup(shop, with_key=with_key)
    shop.sandbox.clear_faults()
    await LAYERS[layer](shop, lambda: begin_setup(shop, with_key=with_key))
    found = await setup_of(shop, lost["setupIntent"]["id"])
    await run_janitor(shop, lambda: asyncio.sleep(0))
    await shop.deliver()
    later = await setup_of(shop, lost["setupIntent"]["id"])

    assert [error["code"] for error in lost["errors"]] == ["OUTCOME_UNKNOWN"]
    assert (lost["setupIntent"]["status"], found["status"]) == ("UNKNOWN", "REQUIRES_PAYMENT_METHOD")
    assert later == found
    assert len(setups_at_stripe(shop)) == 1
    assert (await Operation.get(kind="CREATE_SETUP_INTENT")).state == "SUCCEEDED"


async def test_a_setup_of_another_customer_is_not_taken_for_ours_by_its_metadata(shop: Shop) -> None:
    """Another program copies our metadata while nobody knows yet whether our own request was executed."""
    await saved(shop)
    theirs = await at_stripe(shop, "POST", "/v1/customers")
    shop.sandbox.fault(kind="drop_before", method="POST", path=CREATE_AT_STRIPE, times=99)
    one_key = key()
    lost = await begin_setup(shop, with_key=one_key)
    shop.sandbox.clear_faults()
    row = await SetupIntent.get()
    copied = {"customer": theirs["id"], "metadata[setup_intent_id]": str(row.id)}
    foreign = await at_stripe(shop, "POST", "/v1/setup_intents", **copied)
    await shop.deliver()

    between = await SetupIntent.get()
    again = await begin_setup(shop, with_key=one_key, secret=True)

    assert lost["errors"][0]["code"] in ("OUTCOME_UNKNOWN", "PROVIDER_UNAVAILABLE")
    assert between.stripe_setup_intent_id is None
    assert (again["errors"], again["setupIntent"]["status"]) == ([], "REQUIRES_PAYMENT_METHOD")
    assert again["confirmation"]["clientSecret"] not in (None, foreign["client_secret"])
    assert (await SetupIntent.get()).stripe_setup_intent_id not in (None, foreign["id"])
