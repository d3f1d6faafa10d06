"""Wrong variants of setups, and of kept methods at a confirmation."""

from tests.attack.mutants.mutant import Mutant

BEGUN = "tests/api/customers/test_setup_intents.py::"
RECOVERED = "tests/api/customers/test_setup_recovery.py::"
CONFIRMED = "tests/api/customers/test_saved_method_at_confirm.py::"
COMPARED = "tests/reconcile/test_setups.py::"

SETUPS = (
    Mutant(
        "a_setup_is_seen_by_everybody",
        "resolvers/nodes.py",
        "return setup if setup is not None and sees.includes_customer(setup.customer_id) else None",
        "return setup",
        BEGUN + "test_a_setup_is_seen_by_its_customer_and_the_staff_alone",
        "[True, True, False]",
    ),
    Mutant(
        "the_secret_of_a_setup_is_for_everybody",
        "resolvers/confirmation.py",
        "if not await may_pay(context, setup.customer_id):",
        "if False:",
        BEGUN + "test_the_secret_is_for_the_customer_and_for_services_that_take_payments",
        'one["clientSecret"] for one in told]',
    ),
    Mutant(
        "what_the_customer_agreed_to_is_forgotten",
        "services/money/state/setup_state.py",
        "usage=setup.usage",
        "usage=None",
        BEGUN + "test_a_usage_is_what_the_customer_agrees_to",
        '== ["ON_SESSION"]',
    ),
    Mutant(
        "a_repeated_answer_is_believed",
        "services/money/operations/setup_steps.py",
        "return await provider.retrieve_setup(seen.id) if seen.is_replayed else seen",
        "return seen",
        RECOVERED + "test_an_answer_that_stripe_repeats_is_fetched_before_it_is_believed",
        '["status"] == "SUCCEEDED"',
    ),
    Mutant(
        "an_overtaken_look_is_written",
        "services/money/state/setup_state.py",
        "if setup.revision != since:",
        "if False:",
        RECOVERED + "test_a_look_that_was_overtaken_asks_again",
        "looks == 2",
    ),
    Mutant(
        "a_setup_is_made_again_under_a_new_key",
        "services/money/operations/customer_steps.py",
        "    if operation.step == Step.SETUP:\n        setup = await find_setup",
        "    if False:\n        setup = await find_setup",
        RECOVERED + "test_a_setup_of_which_nobody_heard_for_a_day_is_looked_for",
        "too many values to unpack",
    ),
    Mutant(
        "metadata_says_whose_a_setup_is",
        "services/money/state/setup_state.py",
        "return is_named_only and seen.customer_id not in (None, customer.stripe_customer_id)",
        "return False",
        RECOVERED + "test_a_setup_of_another_customer_is_not_taken_for_ours_by_its_metadata",
        "stripe_setup_intent_id is None",
    ),
    Mutant(
        "a_look_leaves_the_operation_waiting",
        "services/money/setup_sync.py",
        "        await end_setup_operations(work, setup)\n",
        "        pass\n",
        RECOVERED + "test_a_look_ends_the_operation_that_waits_for_it",
        '"SUCCEEDED"',
    ),
    Mutant(
        "a_payment_of_nobody_is_confirmed_with_a_kept_method",
        "services/money/confirmations.py",
        'if made is not None and _created(made).get("customer") != customer.stripe_customer_id:',
        "if False:",
        CONFIRMED + "test_a_payment_from_before_its_customer_kept_anything_is_not_paid_by_it",
        "_confirmations(shop) == before",
    ),
    Mutant(
        "a_kept_method_is_refused_by_another_name",
        "services/money/operations/refusals.py",
        "SAVED if METHOD_ID in params else _method_field(sent)",
        "_method_field(sent)",
        CONFIRMED + "test_a_method_that_was_detached_is_refused_by_its_name",
        "PAYMENT_METHOD_UNUSABLE",
    ),
    Mutant(
        "setups_always_agree",
        "services/reconciliation/findings.py",
        "if row is not None and (seen.status, seen.id) == (row.status, row.stripe_setup_intent_id):",
        "if row is not None:",
        COMPARED + "test_without_repair_it_is_a_finding_and_not_about_money",
        '("SETUP_DRIFT", setup["id"])',
    ),
)
