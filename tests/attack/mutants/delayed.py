"""Wrong variants of what becomes of methods that take days."""

from tests.attack.mutants.mutant import Mutant

FOUND = "tests/api/delayed/test_found_again.py::"
TRANSFERS = "tests/api/delayed/test_transfers.py::"
EXPIRY = "tests/api/delayed/test_expiry.py::"
LATE = "tests/api/delayed/test_late_money.py::"

DELAYED = (
    Mutant(
        "a_transfer_that_comes_in_part_is_not_heard_of",
        "webhooks/handlers.py",
        '        "payment_intent.partially_funded",\n',
        "",
        TRANSFERS + "test_the_payer_is_told_what_remains",
        "'amount': 10000",
    ),
    Mutant(
        "the_trail_forgets_what_came_in_part",
        "models/payments.py",
        '            "remaining_minor": self.remaining_minor,\n',
        "",
        TRANSFERS + "test_what_came_in_part_is_in_the_audit_trail",
        "KeyError: 'remaining_minor'",
    ),
    Mutant(
        "what_only_the_payer_may_know_is_kept_with_events",
        "provider/events.py",
        '        "next_action",\n',
        "",
        FOUND + "test_nobody_else_is_told_and_it_is_stored_nowhere",
        "34191.79001",
    ),
    Mutant(
        "the_voucher_is_found_only_by_its_page",
        "provider/next_actions.py",
        '    if kind.endswith("_display_details"):\n',
        "    if False:\n",
        FOUND + "test_the_payer_finds_again_what_to_do_on_another_device",
        "'voucher': None",
    ),
    Mutant(
        "a_dashboard_is_not_told_how_long_it_may_take",
        "models/payments.py",
        "        return datetime.fromisoformat(expires) if expires else None\n",
        "        return None\n",
        EXPIRY + "test_a_clerk_who_only_reads_sees_until_when_a_voucher_can_be_paid",
        "the clerk is not told",
    ),
    Mutant(
        "a_transfer_that_pays_nothing_is_nobodys_business",
        "webhooks/handlers.py",
        "with_funds=have_moved",
        "with_funds=False",
        LATE + "test_it_is_an_alarm_with_the_customer_and_the_amount",
        "not enough values to unpack (expected 1, got 0)",
    ),
    Mutant(
        "what_a_customer_has_in_another_order_stays_a_finding",
        "services/money/state/unapplied_funds.py",
        "subject__in=[finding.subject for finding in findings]",
        "state=DiscrepancyState.OPEN",
        LATE + "test_the_finding_closes_when_the_money_pays_another_order",
        "'OPEN', 'OPEN'",
    ),
)
