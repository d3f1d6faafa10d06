"""Wrong variants of what a checkout does: tokens of payers, and the two forms of confirmPayment."""

from tests.attack.mutants.mutant import Mutant

AGENTS = "tests/api/checkout/test_shared_payment_tokens.py::"
OFFERED = "tests/api/checkout/test_methods_offered.py::"
TOKENS = "tests/api/checkout/test_confirmation_tokens.py::"

CHECKOUT = (
    Mutant(
        "of_two_things_the_first_one_pays",
        "domain/command_fields.py",
        "    if len(named) > 1:\n",
        "    if False:\n",
        TOKENS + "test_a_payment_names_one_thing_to_pay_with",
        '("VALIDATION_FAILED", ["input", field])',
    ),
    Mutant(
        "a_payers_token_is_no_part_of_the_fingerprint",
        "domain/commands.py",
        "parsed(parse_confirmation_token, default=None, added_later=True)\n"
        "    shared_payment_token: str | None = parsed(parse_shared_token, default=None, added_later=True)\n"
        "    expected_amount:",
        "parsed(parse_confirmation_token, default=None, show=lambda _: None)\n"
        "    shared_payment_token: str | None = parsed(parse_shared_token, default=None, added_later=True)\n"
        "    expected_amount:",
        TOKENS + "test_a_repeated_call_with_its_key_is_the_payment_of_the_first",
        'other["errors"][0]["mismatchedPaths"]',
    ),
    Mutant(
        "the_page_in_a_token_wins_over_the_shops",
        "services/money/confirmations.py",
        "if page is not None else {})",
        'if page is not None and "confirmation_token" not in params else {})',
        TOKENS + "test_the_payer_returns_to_the_page_of_the_shop_before_the_tokens",
        '["redirect_to_url"]["return_url"] == used',
    ),
    Mutant(
        "a_used_token_is_an_unknown_refusal",
        "services/money/operations/refusals.py",
        '    (False, "confirmation_token"): _token,\n',
        "",
        TOKENS + "test_a_used_token_pays_nothing_else",
        "PROVIDER_REJECTED",
    ),
    Mutant(
        "an_input_is_another_request_than_the_arguments",
        "resolvers/payments.py",
        "values = input if input is not None else outside",
        'values = input if input is not None else {**outside, "return_url": None}',
        TOKENS + "test_a_key_is_the_same_request_in_either_form",
        'for answer in answers] == [([], "SUCCEEDED")] * 2',
    ),
    Mutant(
        "agents_pay_without_being_asked_in",
        "domain/command_fields.py",
        "    if not raw.rules.takes_shared_tokens:\n",
        "    if False:\n",
        AGENTS + "test_an_installation_that_takes_no_agents_tokens_says_so",
        '[error] = refused["errors"]',
    ),
    Mutant(
        "a_token_of_nobody_closes_the_payment",
        "provider/granted_tokens.py",
        "if failure.outcome is Outcome.REJECTED and failure.param is None:",
        "if failure.outcome is Outcome.REJECTED and failure.param is None and failure.code is None:",
        AGENTS + "test_a_token_that_stripe_does_not_know_is_not_taken_for_a_payment_that_it_does_not_know",
        "PROVIDER_REJECTED",
    ),
    Mutant(
        "a_spent_token_is_told_as_a_larger_amount",
        "provider/granted_tokens.py",
        "        if self.ended is not None:\n",
        "        if self.ended is not None and amount_minor <= self.left_minor:\n",
        AGENTS + "test_beyond_its_limits_a_token_pays_nothing_and_the_reason_is_told",
        "AMOUNT_TOO_LARGE",
    ),
    Mutant(
        "stripe_offers_what_the_order_excludes",
        "services/money/offered_methods.py",
        "return types.without(order.excluded_payment_method_types or ())",
        "return types",
        OFFERED + "test_stripe_offers_what_the_order_does_not_exclude",
        "excluded_payment_method_types",
    ),
    Mutant(
        "a_saved_method_pays_whatever_is_offered",
        "services/money/payments.py",
        "        check_offered(payer.saved, order, method_types)\n",
        "",
        OFFERED + "test_a_saved_method_that_is_not_offered_is_refused_before_stripe_is_asked",
        "type card",
    ),
    Mutant(
        "what_may_pay_changes_under_an_open_payment",
        "services/money/repricing.py",
        "    if open_payments and order.excluded_payment_method_types",
        "    if not open_payments and order.excluded_payment_method_types",
        OFFERED + "test_what_may_pay_stands_still_while_a_payment_is_open",
        "still",
    ),
    Mutant(
        "nothing_is_sent_as_everything",
        "services/money/offered_methods.py",
        "    if offered.is_empty:\n",
        "    if False:\n",
        OFFERED + "test_an_order_that_nothing_can_pay_by_now_is_told_and_stripe_is_not_asked",
        "INVALID_STATE",
    ),
    Mutant(
        "a_list_in_another_order_is_another_request",
        "domain/checkout/parsers.py",
        "return sorted({*raw.value})",
        "return list(raw.value)",
        OFFERED + "test_what_an_order_excludes_is_a_set_and_is_shown_to_whoever_sees_the_order",
        "errors",
    ),
    Mutant(
        "a_setup_forgets_what_is_offered",
        "services/money/setups.py",
        "**type_params(method_types),",
        '"automatic_payment_methods": {"enabled": True},',
        OFFERED + "test_an_installation_excludes_types_beside_those_of_the_order",
        "pix",
    ),
)
