"""The database checks every invariant: it refuses an impossible sum, and a second row of a single kind."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest

from tests.database.ledger import ABOVE_SAFE, HASH, NOW, Ledger
from tests.database.test_migrations import CHECKS, REFERENCES, UNIQUE


@pytest.fixture
def ledger(admin: asyncpg.Connection) -> Ledger:
    return Ledger(admin)


Row = tuple[str, Mapping[str, Any]]
IMPOSSIBLE: Final[list[tuple[str, str, Mapping[str, Any]]]] = [
    ("orders_total_positive", "orders", {"total_minor": 0}),
    ("orders_total_positive", "orders", {"total_minor": -1}),
    ("orders_sums", "orders", {"paid_minor": -1, "refunded_minor": -1}),
    ("orders_sums", "orders", {"paid_minor": 10, "refunded_minor": -1}),
    ("orders_currency", "orders", {"currency": "usd"}),
    ("orders_currency", "orders", {"currency": "US"}),
    ("orders_chain_head", "orders", {"last_sequence": -1}),
    ("orders_chain_head", "orders", {"last_hash": HASH[1:]}),
    ("payment_amount_positive", "payment", {"amount_minor": 0}),
    ("payment_amount_positive", "payment", {"amount_minor": ABOVE_SAFE}),
    ("payment_next_amount_positive", "payment", {"next_amount_minor": 0}),
    ("payment_next_amount_positive", "payment", {"next_amount_minor": ABOVE_SAFE}),
    *(
        ("payment_sums_not_negative", "payment", {name: -1})
        for name in ("captured_minor", "capturable_minor", "refunded_minor", "refund_pending_minor")
    ),
    ("payment_provider_currency", "payment", {"provider_currency": "usd"}),
    ("payment_disputed_not_negative", "payment", {"disputed_minor": -1}),
    ("payment_currency", "payment", {"currency": "Usd"}),
    ("payment_money_needs_intent", "payment", {"stripe_payment_intent_id": None, "captured_minor": 1}),
    ("payment_money_needs_intent", "payment", {"stripe_payment_intent_id": None, "capturable_minor": 1}),
    ("refund_amount_positive", "refund", {"amount_minor": 0}),
    ("refund_currency", "refund", {"currency": "U$D"}),
    ("refund_success_needs_stripe", "refund", {"stripe_refund_id": None}),
    ("operation_open_is_due", "operation", {"state": "IN_PROGRESS"}),
    ("operation_open_is_due", "operation", {"state": "UNRESOLVED"}),
    ("operation_open_is_due", "operation", {"state": "NEEDS_REVIEW"}),
    ("operation_open_is_due", "operation", {"state": "SUCCEEDED", "due": NOW}),
    ("operation_open_is_due", "operation", {"state": "FAILED", "due": NOW}),
    ("operation_counts", "operation", {"attempt": 0}),
    ("operation_counts", "operation", {"generation": 0}),
    ("operation_payment", "operation", {"payment_id": uuid4()}),
    ("operation_refund", "operation", {"refund_id": uuid4()}),
    ("operation_order", "operation", {"order_id": uuid4()}),
    ("webhook_event_open_is_due", "webhook_event", {"state": "RECEIVED"}),
    ("webhook_event_open_is_due", "webhook_event", {"state": "PROCESSING"}),
    ("webhook_event_open_is_due", "webhook_event", {"state": "FAILED"}),
    ("webhook_event_open_is_due", "webhook_event", {"state": "DEAD", "due": NOW}),
    ("webhook_event_counts", "webhook_event", {"tries": -1}),
    ("webhook_event_counts", "webhook_event", {"tries": 2}),
    ("event_reading_counts", "event_reading", {"attempt": 0}),
    ("event_reading_cursor_of_one_under_way", "event_reading", {"cursor": "evt_1"}),
    ("payment_event_sequence_positive", "payment_event", {"sequence": 0}),
    ("payment_event_hash", "payment_event", {"hash": ""}),
    ("payment_event_hash", "payment_event", {"previous_hash": HASH[1:]}),
    ("operation_customer", "operation", {"customer_id": uuid4()}),
    ("customer_default_method", "customer", {"default_method_id": uuid4()}),
    ("operation_setup_intent", "operation", {"setup_intent_id": uuid4()}),
    ("setup_intent_method", "setup_intent", {"method_id": uuid4()}),
    ("setup_intent_success_needs_stripe", "setup_intent", {"stripe_setup_intent_id": None}),
    ("customer_event_sequence_positive", "customer_event", {"sequence": 0}),
    ("customer_event_hash", "customer_event", {"hash": ""}),
    ("customer_event_hash", "customer_event", {"previous_hash": HASH[1:]}),
    ("reconciliation_run_open_is_due", "reconciliation_run", {"finished_at": None}),
    ("reconciliation_run_open_is_due", "reconciliation_run", {"due": NOW}),
    ("reconciliation_run_window", "reconciliation_run", {"to_moment": NOW}),
    ("reconciliation_run_counts", "reconciliation_run", {"checked": -1}),
    ("discrepancy_closed_is_resolved", "discrepancy", {"state": "ACCEPTED"}),
    ("discrepancy_closed_is_resolved", "discrepancy", {"resolved_at": NOW}),
    ("discrepancy_closed_is_resolved", "discrepancy", {"state": "REPAIRED", "resolved_at": NOW}),
]


@pytest.mark.parametrize(("constraint", "table", "changes"), IMPOSSIBLE)
async def test_what_cannot_be_is_refused(
    ledger: Ledger, constraint: str, table: str, changes: Mapping[str, Any]
) -> None:
    await ledger.refuses(constraint, table, **changes)


AT_THE_LIMIT: Final[list[Row]] = [
    ("orders", {"total_minor": 1, "paid_minor": 10, "refunded_minor": 10, "last_hash": HASH}),
    ("payment", {"amount_minor": ABOVE_SAFE - 1}),
    # Stripe's facts are written as they are, also where our own rules would not allow the request.
    ("payment", {"captured_minor": 1001}),
    ("payment", {"captured_minor": 600, "capturable_minor": 600}),
    ("payment", {"captured_minor": 1000, "refunded_minor": 600, "refund_pending_minor": 600}),
    ("orders", {"paid_minor": 10, "refunded_minor": 11}),
    ("refund", {"amount_minor": 1001, "status": "SUCCEEDED"}),
    ("refund", {"currency": "JPY", "status": "PENDING"}),
    ("payment", {"stripe_payment_intent_id": None}),
    ("payment", {"status": "UNKNOWN", "stripe_payment_intent_id": None}),
    ("payment", {"captured_minor": 10, "disputed_minor": 11}),  # a dispute may be about more than was captured
    ("refund", {"amount_minor": 1}),
    ("refund", {"status": "UNKNOWN", "stripe_refund_id": None}),
    ("setup_intent", {"status": "UNKNOWN", "stripe_setup_intent_id": None}),
    ("operation", {"state": "IN_PROGRESS", "due": NOW}),
    ("webhook_event", {"state": "FAILED", "due": NOW}),
    ("webhook_event", {"state": "DEAD"}),
    ("payment_event", {"previous_hash": HASH}),
]


@pytest.mark.parametrize(("table", "changes"), AT_THE_LIMIT)
async def test_what_can_just_be_is_accepted(ledger: Ledger, table: str, changes: Mapping[str, Any]) -> None:
    await ledger.write(table, **changes)


OPEN: Final = {"state": "IN_PROGRESS", "due": NOW}
RUNNING: Final = {"due": NOW, "finished_at": None}
# The first row exists already; the second of its kind is refused.
SINGLE: Final[list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]] = [
    ("customer_external_id_key", "customer", {}, {}),
    ("orders_external_id_key", "orders", {}, {}),
    ("payment_stripe_intent", "payment", {}, {}),
    *(
        (
            "payment_one_live_for_order",
            "payment",
            {"status": first},
            {"status": second, "stripe_payment_intent_id": "pi_2"},
        )
        for first, second in [
            ("INITIATED", "INITIATED"),
            ("UNKNOWN", "INITIATED"),
            ("REQUIRES_CAPTURE", "PROCESSING"),
            ("REQUIRES_PAYMENT_METHOD", "REQUIRES_ACTION"),
        ]
    ),
    ("refund_stripe_refund", "refund", {}, {}),
    ("payment_failure_charge", "payment_failure", {}, {"stripe_event_id": None}),
    ("payment_failure_event", "payment_failure", {}, {"stripe_charge_id": None}),
    ("reconciliation_run_one_open", "reconciliation_run", RUNNING, RUNNING),
    ("discrepancy_one_open", "discrepancy", {}, {}),
    ("uid_operation_princip_845e54", "operation", {}, {}),
    ("uid_webhook_eve_stripe__e8cc54", "webhook_event", {}, {}),
    ("uid_event_readi_source_1a13c6", "event_reading", {}, {}),
    (
        "customer_stripe_customer_id_key",
        "customer",
        {"stripe_customer_id": "cus_1"},
        {"external_id": "another", "stripe_customer_id": "cus_1"},
    ),
    ("uid_customer_ev_custome_d15f4c", "customer_event", {}, {}),
    ("uid_saved_payme_stripe__54170e", "saved_payment_method", {}, {}),
    ("setup_intent_stripe_setup_intent_id_key", "setup_intent", {}, {}),
    ("uid_payment_eve_order_i_9e1d75", "payment_event", {}, {}),
]


@pytest.mark.parametrize(("constraint", "table", "first", "second"), SINGLE)
async def test_a_second_one_is_refused(
    ledger: Ledger, constraint: str, table: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> None:
    await ledger.write(table, **first)

    await ledger.refuses(constraint, table, **second)


SEVERAL: Final[list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]] = [
    ("payment", {}, {"livemode": True}),
    ("refund", {}, {"livemode": True}),
    ("webhook_event", {}, {"livemode": True}),
    ("event_reading", {}, {"livemode": True}),
    ("event_reading", {}, {"source": "SWEEP"}),
    ("event_reading", {}, {"topic": "customers"}),
    ("saved_payment_method", {}, {"stripe_payment_method_id": "pm_2"}),
    ("payment", {"stripe_payment_intent_id": None}, {"stripe_payment_intent_id": None}),
    ("payment", {"status": "CANCELED"}, {"status": "INITIATED", "stripe_payment_intent_id": None}),
    (
        "payment",
        {"status": "REQUIRES_CAPTURE", "reopened_at": NOW},
        {"status": "INITIATED", "stripe_payment_intent_id": None},
    ),
    (
        "refund",
        {"status": "UNKNOWN", "stripe_refund_id": None},
        {"status": "UNKNOWN", "stripe_refund_id": None},
    ),
    (
        "payment_failure",
        {"stripe_charge_id": None, "stripe_event_id": None},
        {"stripe_charge_id": None, "stripe_event_id": None},
    ),
    ("operation", {}, {"key": "key-2"}),
    ("operation", {}, {"principal": "bob"}),
    ("operation", {}, {"kind": "REFUND_PAYMENT"}),
    ("payment_event", {}, {"sequence": 2}),
]


@pytest.mark.parametrize(("table", "first", "second"), SEVERAL)
async def test_another_of_another_kind_is_accepted(
    ledger: Ledger, table: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> None:
    await ledger.write(table, **first)

    await ledger.write(table, **second)


async def test_a_payment_has_one_act_at_a_time_beside_its_refunds(ledger: Ledger) -> None:
    payment, refund = await ledger.parent("payment"), await ledger.write("refund")
    await ledger.write("operation", **OPEN, payment_id=payment)
    await ledger.write("operation", key="settled", payment_id=payment)
    await ledger.write("operation", **OPEN, key="a refund", payment_id=payment, refund_id=refund)

    await ledger.refuses(
        "operation_one_open_for_payment",
        "operation",
        key="another",
        state="UNRESOLVED",
        due=NOW,
        payment_id=payment,
    )


async def test_a_change_to_what_cannot_be_is_refused_too(ledger: Ledger) -> None:
    payment = await ledger.write("payment", captured_minor=1000, refund_pending_minor=1000)

    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await ledger.connection.execute("UPDATE payment SET refunded_minor = -1 WHERE id = $1", payment)

    assert caught.value.constraint_name == "payment_sums_not_negative"


ASKED: Final = {"status": "INITIATED", "stripe_refund_id": None}


@pytest.mark.parametrize("status", ["INITIATED", "AWAITING_APPROVAL"])
@pytest.mark.parametrize(
    ("earlier", "amount"), [(None, 1001), ("SUCCEEDED", 401), ("PENDING", 401), ("UNKNOWN", 401), ("INITIATED", 401)]
)
async def test_a_refund_of_ours_above_what_was_taken_is_refused(
    ledger: Ledger, earlier: str | None, amount: int, status: str
) -> None:
    payment = await ledger.write("payment", captured_minor=1000)
    if earlier is not None:
        await ledger.write("refund", payment_id=payment, status=earlier, amount_minor=600, stripe_refund_id="re_0")

    await ledger.refuses(
        "refund_within_capture", "refund", payment_id=payment, status=status, stripe_refund_id=None, amount_minor=amount
    )


@pytest.mark.parametrize(("earlier", "amount"), [("SUCCEEDED", 400), ("FAILED", 1000), ("CANCELED", 1000)])
async def test_a_refund_of_ours_of_all_that_is_left_is_accepted(ledger: Ledger, earlier: str, amount: int) -> None:
    payment = await ledger.write("payment", captured_minor=1000)
    await ledger.write("refund", payment_id=payment, status=earlier, amount_minor=600, stripe_refund_id="re_0")

    await ledger.write("refund", payment_id=payment, **ASKED, amount_minor=amount)


async def test_a_refund_of_ours_is_in_the_currency_that_stripe_holds(ledger: Ledger) -> None:
    payment = await ledger.write("payment", captured_minor=1000, provider_currency="JPY")

    await ledger.refuses("refund_within_capture", "refund", payment_id=payment, **ASKED, currency="USD")
    await ledger.write("refund", payment_id=payment, **ASKED, currency="JPY", amount_minor=1000)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payment_event SET amount_minor = 1",
        "UPDATE payment_event SET id = id",
        "DELETE FROM payment_event",
        "DELETE FROM payment_event WHERE sequence = 1",
        "TRUNCATE payment_event",
        "TRUNCATE orders CASCADE",
        "INSERT INTO payment_event SELECT * FROM payment_event ON CONFLICT (id) DO UPDATE SET hash = EXCLUDED.hash",
        "MERGE INTO payment_event e USING orders o ON e.order_id = o.id WHEN MATCHED THEN DELETE",
    ],
)
async def test_the_trail_is_append_only(ledger: Ledger, statement: str) -> None:
    await ledger.write("payment_event")
    before = await ledger.connection.fetch("SELECT * FROM payment_event")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"^payment_event is append-only: [A-Z]+ is refused$"):
        await ledger.connection.execute(statement)

    assert await ledger.connection.fetch("SELECT * FROM payment_event") == before


@pytest.mark.parametrize("table", ["orders", "payment", "refund"])
async def test_what_money_hangs_on_cannot_be_deleted(ledger: Ledger, table: str) -> None:
    order, payment, refund = await ledger.parent("orders"), await ledger.parent("payment"), await ledger.write("refund")
    await ledger.write("operation", order_id=order, payment_id=payment, refund_id=refund)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await ledger.connection.execute(f'DELETE FROM "{table}"')


async def test_every_constraint_of_the_database_is_shown_at_work(admin: asyncpg.Connection) -> None:
    shown = {name for name, *_ in IMPOSSIBLE} | {name for name, *_ in SINGLE} | {"operation_one_open_for_payment"}
    by_hand = {name for parts in (CHECKS, REFERENCES, UNIQUE) for names in parts.values() for name in names}
    found = await admin.fetch(
        "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " WHERE indisunique AND NOT indisprimary AND relnamespace = 'public'::regnamespace"
        " UNION SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )

    assert by_hand <= shown
    assert {row["relname"] for row in found} <= shown
