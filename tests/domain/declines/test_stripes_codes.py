"""The table of declines against the codes of the installed `stripe` package.

Each code that an attempt can end with is about the payer, and has a row, or about the shop, and stands here with the
reason. A code of tomorrow is neither, and fails this test when the package is updated.
"""

from collections.abc import Mapping
from typing import Any, Final, get_args

import pytest
from stripe import PaymentIntent, SetupIntent

from domain.declines import DECLINES

# A buyer reads the plain text of these: there is nothing that a buyer could do about them.
OF_THE_SHOP: Final[Mapping[str, str]] = {
    "a setting or a key of the shop's account at Stripe": """
        account_country_invalid_address account_error_country_change_requires_additional_steps
        account_information_mismatch account_invalid account_token_required_for_v2_account action_blocked
        alipay_upgrade_required anomalous_money_movement_request api_key_expired application_fees_not_allowed
        approval_required bitcoin_upgrade_required capability_not_active cardholder_phone_number_required
        country_unsupported livemode_mismatch not_allowed_on_standard_account ownership_declaration_not_allowed
        payment_method_configuration_failures platform_account_required platform_api_key_expired
        progressive_onboarding_limit_exceeded request_blocked secret_key_required siret_invalid state_unsupported
        storer_capability_missing storer_capability_not_active tax_id_prohibited testmode_charges_only
        tls_version_unsupported
    """,
    "the form of our request": """
        charge_invalid_parameter country_code_invalid idempotency_key_in_use invalid_mandate_reference_prefix_format
        lock_timeout missing parameter_invalid_empty parameter_invalid_integer parameter_invalid_string_blank
        parameter_invalid_string_empty parameter_missing parameter_unknown parameters_exclusive
        payment_evaluation_on_api_version_not_supported payment_intent_invalid_parameter
        payment_intent_rate_limit_exceeded rate_limit resource_already_exists setup_intent_invalid_parameter url_invalid
    """,
    "the amount, which the order decides, or the shop's limit at Stripe": """
        amount_too_large amount_too_small charge_exceeds_source_limit charge_exceeds_transaction_limit
        invalid_charge_amount
    """,
    "a state that the shop's next step has to fit": """
        bank_account_exists capture_charge_authorization_expired capture_unauthorized_payment charge_already_captured
        charge_already_refunded charge_disputed charge_expired_for_capture charge_not_refundable
        customer_max_payment_methods customer_session_expired intent_invalid_state intent_verification_method_missing
        payment_intent_unexpected_state payment_method_bank_account_already_verified refund_disputed_payment
        return_intent_already_processed setup_intent_unexpected_state status_transition_invalid
    """,
    "payouts, transfers and the shop's own money": """
        balance_insufficient balance_invalid_parameter financial_account_balance_does_not_support_currency
        financial_account_capability_not_enabled financial_account_capability_restricted
        instant_payouts_config_disabled instant_payouts_currency_disabled instant_payouts_limit_exceeded
        instant_payouts_unsupported invalid_card_type payout_reconciliation_not_ready payouts_limit_exceeded
        payouts_not_allowed transfer_source_balance_parameters_mismatch transfers_not_allowed
    """,
    "invoices, subscriptions, taxes and goods, which Stripe does not keep for us": """
        coupon_expired customer_max_subscriptions customer_tax_location_invalid failed_tax_calculation
        invalid_canceled_subscription_fields invalid_tax_location invoice_no_customer_line_items
        invoice_no_payment_method_types invoice_no_subscription_line_items invoice_not_editable
        invoice_on_behalf_of_not_editable invoice_payment_intent_requires_action invoice_upcoming_none out_of_inventory
        product_inactive service_period_coupon_with_metered_tiered_item_unsupported shipping_address_invalid
        shipping_calculation_failed sku_inactive stripe_tax_inactive
        subscription_update_trial_after_billing_cycle_anchor taxes_calculation_failed
    """,
    "card readers, which are not served": """
        setup_intent_mobile_wallet_unsupported terminal_location_country_unsupported terminal_reader_busy
        terminal_reader_hardware_fault terminal_reader_invalid_location_for_activation
        terminal_reader_invalid_location_for_payment terminal_reader_offline terminal_reader_timeout
    """,
    "other products of Stripe's": """
        dispute_evidence_page_limit_exceeded financial_connections_consent_locale_invalid
        financial_connections_consent_locale_unsupported financial_connections_no_successful_transaction_refresh
        forwarding_api_inactive forwarding_api_invalid_parameter forwarding_api_retryable_upstream_error
        forwarding_api_upstream_connection_error forwarding_api_upstream_connection_timeout
        forwarding_api_upstream_error smart_disputes_not_available
    """,
}
SHOPS: Final = {code for codes in OF_THE_SHOP.values() for code in codes.split()}


def codes_of(error: type[Any]) -> set[str]:
    """Return the codes in the annotation of an error's `code`: Optional[Union[Literal[…], str]]."""
    literal, *_ = (part for part in get_args(error.__annotations__["code"]) if get_args(part))
    return set(get_args(literal))


ERRORS: Final = {
    "last_payment_error": codes_of(PaymentIntent.LastPaymentError),
    "last_setup_error": codes_of(SetupIntent.LastSetupError),
}


@pytest.mark.parametrize("name", ERRORS)
def test_each_code_that_an_attempt_can_end_with_is_the_payers_or_the_shops(name: str) -> None:
    codes = ERRORS[name]

    assert len(codes) > 200
    assert codes - set(DECLINES) - SHOPS == set()


def test_no_code_is_both() -> None:
    assert SHOPS & set(DECLINES) == set()
    assert sum(len(codes.split()) for codes in OF_THE_SHOP.values()) == len(SHOPS)


def test_the_shops_codes_are_stripes() -> None:
    assert [code for code in SHOPS if not any(code in codes for codes in ERRORS.values())] == []
