"""Wrong variants of payments while the payer is away, and of what a buyer is told of a method that cannot be used."""

from tests.attack.mutants.mutant import Mutant

AWAY = "tests/api/customers/test_off_session.py::"
ENDS = "tests/api/customers/test_off_session_ends.py::"
LOST = "tests/api/recovery/test_lost_charges.py::"
UNUSABLE = "tests/api/customers/test_unusable_methods.py::"

OFF_SESSION = (
    Mutant(
        "who_agreed_to_be_there_is_charged_while_away",
        "services/money/off_session.py",
        "if method.usage is SetupFutureUsage.ON_SESSION:",
        "if False:",
        AWAY + "test_who_agreed_to_payments_in_their_presence_is_not_charged_in_their_absence",
        '("PAYMENT_METHOD_UNUSABLE", NAMED)',
    ),
    Mutant(
        "stripe_is_not_told_that_the_payer_is_away",
        "services/money/payments.py",
        'create | {"confirm": True, "off_session": True}',
        'create | {"confirm": True, "return_url": "https://shop.example/"}',
        AWAY + "test_stripe_is_told_that_the_payer_is_away",
        '(away["errors"], away["payment"]["status"]) == ([], "SUCCEEDED")',
    ),
    Mutant(
        "a_buyer_charges_as_if_they_were_away",
        "resolvers/payments.py",
        "payable_order(context, order_id, key, Scope.PAYMENTS_WRITE, path=path, kind=kind)",
        "payable_order(context, order_id, key, Scope.PAYMENTS_WRITE, Scope.PAYMENTS_PAY, path=path, kind=kind)",
        AWAY + "test_no_buyer_pays_for_somebody_who_is_away",
        '["FORBIDDEN"]',
    ),
    Mutant(
        "a_key_is_looked_for_among_those_of_create_payment",
        "resolvers/payments.py",
        "Scope.PAYMENTS_WRITE, path=path, kind=kind)",
        "Scope.PAYMENTS_WRITE, path=path)",
        AWAY + "test_a_repetition_asks_for_nothing_that_has_changed_since",
        '(again["replayed"], again["errors"])',
    ),
    Mutant(
        "any_method_is_as_good_as_the_default",
        "services/money/off_session.py",
        "        method_id = customer.default_method_id if customer is not None else None\n",
        "        anyone = await read_one(SavedPaymentMethod, 'WHERE customer_id = $1', customer_id)\n"
        "        method_id = customer and customer.default_method_id or (anyone and anyone.id)\n",
        AWAY + "test_a_customer_without_a_default_is_not_charged",
        '("PAYMENT_METHOD_UNUSABLE", NAMED)',
    ),
    Mutant(
        "the_trail_does_not_say_that_the_payer_was_away",
        "models/payments.py",
        '"off_session": True if self.off_session else None',
        '"off_session": None',
        AWAY + "test_that_the_payer_was_away_is_readable_and_in_the_trail",
        "[None, True, None]",
    ),
    Mutant(
        "a_payer_who_is_awaited_has_paid",
        "services/money/operations/ends.py",
        "    Step.CHARGE: PAID_OR_HELD,\n",
        "    Step.CHARGE: PAID_OR_HELD | {PaymentStatus.REQUIRES_ACTION},\n",
        ENDS + "test_an_answer_that_waits_for_the_payer_is_no_success",
        '["AUTHENTICATION_REQUIRED"]',
    ),
    Mutant(
        "who_comes_back_needs_no_page_to_return_to",
        "services/money/confirmations.py",
        "kind IN ({PAYMENT_MAKERS})",
        "kind = 'CREATE_PAYMENT'",
        ENDS + "test_a_bank_that_wants_the_payer_gets_them_on_the_same_payment",
        '[("VALIDATION_FAILED", ["input", "returnUrl"])], True)',
    ),
    Mutant(
        "a_decline_that_is_repeated_closes_the_payment",
        "services/money/operations/provider_calls.py",
        "or (failure.payment.id if failure.payment is not None else None)",
        "or None",
        ENDS + "test_a_card_is_charged_once_whatever_is_lost",
        "REQUIRES_PAYMENT_METHOD",
    ),
    Mutant(
        "a_declined_intent_that_is_found_is_a_payment_that_was_made",
        "services/money/operations/lookups.py",
        "    return attempt_result(found.payment, found.since) if found is not None and",
        "    return found if found is not None and",
        LOST + "test_scenario_12_after_thirty_hours_a_charge_is_looked_for_and_its_key_is_not_sent",
        "ENDS[behaves]",
    ),
    Mutant(
        "a_charge_whose_answer_was_lost_is_looked_for_in_lists",
        "services/money/operations/provider_calls.py",
        "is_proven = operation.step == Step.CHARGE and failure.payment is not None",
        "is_proven = False",
        LOST + "test_a_repeated_decline_needs_no_list",
        '("GET", INTENTS) not in calls',
    ),
    Mutant(
        "a_person_closes_a_payment_that_stripe_holds_open",
        "services/money/manual_review.py",
        "        seen = found.payment if found is not None else None\n",
        "",
        LOST + "test_a_person_who_says_that_nothing_happened_does_not_close_what_stripe_has",
        '"REQUIRES_PAYMENT_METHOD"',
    ),
    Mutant(
        "a_method_that_stripe_refuses_has_one_reason",
        "domain/declines/explanation.py",
        "code = error.stripe_code if isinstance(error, MethodUnusable) else None",
        "code = None",
        UNUSABLE + "test_stripes_reason_is_told_and_told_again_in_each_language",
        "told(reason,",
    ),
)
