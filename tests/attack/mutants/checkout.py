"""Wrong variants of what a checkout does: tokens of payers, and the two forms of confirmPayment."""

from tests.attack.mutants.mutant import Mutant

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
        "parsed(parse_confirmation_token, default=None, added_later=True)\n    return_url:",
        "parsed(parse_confirmation_token, default=None, show=lambda _: None)\n    return_url:",
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
)
