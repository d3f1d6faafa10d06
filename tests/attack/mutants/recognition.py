"""Wrong variants of what people recognise a payment by: its moments, its receipt, its order's timeline."""

from tests.attack.mutants.mutant import Mutant

MOMENTS = "tests/api/recognition/test_moments.py::"

RECOGNITION = (
    Mutant(
        "our_clock_says_when_a_payment_was_paid",
        "services/money/state/payment_state.py",
        "return (seen.captured_at if is_first else None) or cause.occurred_at",
        "return cause.occurred_at",
        MOMENTS + "test_a_charge_is_paid_when_stripe_charged_it",
        "== stripes(",
    ),
    Mutant(
        "held_money_was_paid_when_it_was_held",
        "provider/mapping.py",
        '    if isinstance(booked, dict):\n        return maybe_moment(booked.get("created"))\n',
        '    if isinstance(booked, dict):\n        return maybe_moment(charge.get("created"))\n',
        MOMENTS + "test_held_money_is_paid_when_it_is_captured_and_not_when_it_is_held",
        "== stripes(",
    ),
    Mutant(
        "an_order_that_owes_something_is_paid",
        "services/money/state/payment_state.py",
        "None if order.due_minor > 0 else order.paid_at or _last_taken(order)",
        "order.paid_at or _last_taken(order)",
        MOMENTS + "test_an_order_is_paid_when_the_last_of_its_money_came",
        "'PARTIALLY_PAID'",
    ),
    Mutant(
        "a_view_token_opens_the_receipt",
        "schema/types/payments.py",
        "return self.row.receipt_url if await shows_person(info.context, self.row) else None",
        "return self.row.receipt_url",
        MOMENTS + "test_a_receipt_is_for_the_payer_and_the_staff",
        "None]",
    ),
    Mutant(
        "a_new_address_of_a_receipt_is_a_change",
        "services/money/state/payment_state.py",
        "    if changes and seen.receipt_url is not None:",
        "    if seen.receipt_url is not None:",
        MOMENTS + "test_a_new_address_of_the_receipt_is_no_change_of_the_payment",
        'after["version"]',
    ),
    Mutant(
        "a_timeline_shows_the_payments_of_others",
        "resolvers/reading/nested_pages.py",
        "WHEN e.payment_id IS NOT NULL THEN EXISTS (",
        "WHEN e.payment_id IS NOT NULL THEN TRUE OR EXISTS (",
        "tests/api/access/test_changed_hands.py::test_a_timeline_of_an_order_shows_each_owner_what_was_theirs",
        "late",
    ),
    Mutant(
        "a_timeline_shows_what_the_order_was_before",
        "resolvers/reading/nested_pages.py",
        "e.after ->> 'customer_id', '{NOBODY}')::uuid = $2 AND EXISTS (",
        "e.after ->> 'customer_id', '{NOBODY}')::uuid = $2 OR EXISTS (",
        "tests/api/access/test_changed_hands.py::test_a_timeline_of_an_order_shows_each_owner_what_was_theirs",
        "early_payments",
    ),
)
