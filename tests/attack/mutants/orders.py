"""Wrong variants of new totals: an order and its open payment change together, or neither does."""

from tests.attack.mutants.mutant import Mutant

REPRICING = "tests/api/orders/test_repricing.py::"
DESCRIBED = "tests/api/orders/test_repricing_described.py::"
RACES = "tests/api/orders/test_repricing_races.py::"

ORDERS = (
    Mutant(
        "the_new_amount_comes_as_a_surprise",
        "services/money/state/divergence.py",
        "seen.amount_minor not in (\n        payment.amount_minor,\n        payment.next_amount_minor,\n    )",
        "seen.amount_minor != payment.amount_minor",
        RACES + "test_the_payer_confirms_after_the_update_and_pays_the_new_total",
        "provider_amount_minor",
    ),
    Mutant(
        "the_total_stays_when_the_payment_moves",
        "services/money/state/payment_state.py",
        "failure=failure, more=more",
        "failure=failure",
        REPRICING + "test_the_open_payment_follows_the_total_and_is_paid",
        '["total"]',
    ),
    Mutant(
        "a_confirmed_payment_follows",
        "services/money/repricing.py",
        "if payment.status in WAITS_FOR_METHOD and _is_as_asked(",
        "if _is_as_asked(",
        REPRICING + "test_a_payment_that_the_payer_has_confirmed_does_not_follow",
        '[error] = payload["errors"]',
    ),
    Mutant(
        "a_refused_update_changes_the_terms",
        "services/money/operations/ends.py",
        "if is_done and operation.params.get(TERMS):",
        "if operation.params.get(TERMS):",
        RACES + "test_the_payer_confirms_before_the_update_and_pays_the_old_total",
        "description is None",
    ),
    Mutant(
        "an_unknown_amount_is_an_unknown_payment",
        "services/money/operations/outcomes.py",
        "if refund is None and operation.step != Step.UPDATE:",
        "if refund is None:",
        RACES + "test_a_lost_answer_is_unknown_and_found_by_the_amount",
        "UNKNOWN",
    ),
    Mutant(
        "what_the_payer_was_shown_is_not_compared",
        "services/money/shares.py",
        "if expected != payment.amount:",
        "if False:",
        REPRICING + "test_a_payer_who_was_shown_another_amount_confirms_nothing",
        "AMOUNT_MISMATCH",
    ),
    Mutant(
        "a_new_amount_says_nothing_of_the_lines",
        "services/money/described.py",
        'if order.line_items and "amount_details" not in described:',
        "if False:",
        DESCRIBED + "test_lines_that_are_left_out_are_taken_back_at_stripe",
        'payload["errors"]',
    ),
    Mutant(
        "the_shops_entries_take_our_names",
        "domain/metadata.py",
        "    told, wanted = stripe_metadata(ours, payments, before), stripe_metadata(ours, payments, after)",
        "    told, wanted = stripe_metadata({}, payments, before), stripe_metadata({}, payments, after)",
        DESCRIBED + "test_our_ids_at_stripe_are_not_the_shops_to_change",
        "with_other",
    ),
    Mutant(
        "an_earlier_change_overtakes_a_later_one",
        "services/money/repricing.py",
        "payment_ids, operation.id) if payment_ids else None",
        "payment_ids, operation.id) if False else None",
        RACES + "test_what_the_shop_says_last_stays_whichever_answer_comes_last",
        "codes",
    ),
    Mutant(
        "a_part_follows_the_total",
        "services/money/repricing.py",
        "one.share is not PaymentShare.PART and one.reopened_at is None",
        "one.reopened_at is None",
        REPRICING + "test_the_payment_of_the_rest_follows_and_a_part_stays",
        "4_000",
    ),
    Mutant(
        "lines_vanish_beside_a_part",
        "services/money/repricing.py",
        "(more == 0 or is_gone)",
        "more == 0",
        DESCRIBED + "test_lines_do_not_vanish_beside_a_part_that_keeps_its_amount",
        "codes(without)",
    ),
    Mutant(
        "a_total_changes_under_a_confirmation",
        "services/money/repricing.py",
        "    await check_free(operation, payment)\n    if payment.status",
        "    if payment.status",
        RACES + "test_the_total_stays_while_the_server_confirms",
        "INTERNAL_SERVER_ERROR",  # the database refuses it
    ),
    Mutant(
        "a_confirmed_payment_binds_an_order_in_parts",
        "services/money/repricing.py",
        "if order.allow_partial_payments and more > 0:",
        "if False:",
        REPRICING + "test_the_rest_of_a_confirmed_payment_is_another_payment",
        "codes(payload)",
    ),
    Mutant(
        "a_lost_update_is_another_programs",
        "services/money/repricing.py",
        "payment.provider_amount_minor in (None, amount_minor)",
        "payment.provider_amount_minor is None",
        "tests/api/idempotency/test_lost_commits.py::"
        "test_a_payment_and_its_new_total_are_lost_together_and_told_as_they_were",
        'repriced["errors"]',
    ),
)
