"""Names of Stripe's API, version 2026-10-28.endive: one that the offline Stripe lacks is reported as not supported.

Compared with the annotations of Stripe's own library by tests/sandbox/http/test_supported.py. `payment_method_types` is
of older versions.
"""

from collections.abc import Mapping

PARAMETERS: Mapping[str, str] = {
    "GET /v1/payment_intents": "created customer customer_account ending_before limit starting_after",
    "POST /v1/payment_intents": (
        "allowed_payment_method_types amount amount_details application_fee_amount automatic_payment_methods "
        "capture_method confirm confirmation_method confirmation_token currency customer customer_account "
        "description error_on_requires_action excluded_payment_method_types hooks mandate mandate_data metadata "
        "off_session on_behalf_of payment_details payment_method payment_method_configuration payment_method_data "
        "payment_method_options payment_method_types radar_options receipt_email return_url setup_future_usage "
        "shipping statement_descriptor statement_descriptor_suffix transfer_data transfer_group use_stripe_sdk"
    ),
    "GET /v1/payment_intents/{id}": "client_secret",
    "POST /v1/payment_intents/{id}": (
        "allowed_payment_method_types amount amount_details application_fee_amount capture_method currency "
        "customer customer_account description excluded_payment_method_types hooks metadata payment_details "
        "payment_method payment_method_configuration payment_method_data payment_method_options "
        "payment_method_types receipt_email setup_future_usage shipping statement_descriptor "
        "statement_descriptor_suffix transfer_data transfer_group"
    ),
    "GET /v1/payment_intents/{id}/amount_details_line_items": "ending_before limit starting_after",
    "GET /v1/payment_intents/search": "limit page query",
    "POST /v1/payment_intents/{id}/apply_customer_balance": "amount currency",
    "POST /v1/payment_intents/{id}/cancel": "cancellation_reason",
    "POST /v1/payment_intents/{id}/capture": (
        "amount_details amount_to_capture application_fee_amount final_capture hooks metadata payment_details "
        "statement_descriptor statement_descriptor_suffix transfer_data"
    ),
    "POST /v1/payment_intents/{id}/confirm": (
        "allowed_payment_method_types amount_details amount_to_confirm capture_method confirmation_token "
        "error_on_requires_action excluded_payment_method_types hooks mandate mandate_data off_session "
        "payment_details payment_method payment_method_data payment_method_options payment_method_types "
        "radar_options receipt_email return_url setup_future_usage shipping use_stripe_sdk"
    ),
    "POST /v1/payment_intents/{id}/increment_authorization": (
        "amount amount_details application_fee_amount description hooks metadata payment_details "
        "statement_descriptor transfer_data"
    ),
    "POST /v1/payment_intents/{id}/verify_microdeposits": "amounts client_secret descriptor_code",
    "GET /v1/charges": "created customer ending_before limit payment_intent starting_after transfer_group",
    "GET /v1/charges/{id}": "",
    "POST /v1/charges/{id}": "customer description fraud_details metadata receipt_email shipping transfer_group",
    "GET /v1/charges/search": "limit page query",
    "POST /v1/charges/{id}/capture": (
        "amount application_fee application_fee_amount receipt_email statement_descriptor "
        "statement_descriptor_suffix transfer_data transfer_group"
    ),
    "GET /v1/refunds": "charge created ending_before limit payment_intent starting_after",
    "POST /v1/refunds": (
        "amount charge currency customer instructions_email metadata origin payment_intent reason "
        "refund_application_fee reverse_transfer"
    ),
    "GET /v1/refunds/{id}": "",
    "POST /v1/refunds/{id}": "metadata",
    "POST /v1/refunds/{id}/cancel": "",
    "DELETE /v1/customers/{id}": "",
    "GET /v1/customers/{id}": "",
    "POST /v1/customers/{id}": (
        "address balance business_name cash_balance default_source description email individual_name "
        "invoice_prefix invoice_settings metadata name next_invoice_sequence phone preferred_locales shipping "
        "source tax tax_exempt validate"
    ),
    "GET /v1/customers": "created email ending_before limit starting_after test_clock",
    "POST /v1/customers": (
        "address balance business_name cash_balance description email individual_name invoice_prefix "
        "invoice_settings metadata name next_invoice_sequence payment_method phone preferred_locales shipping "
        "source tax tax_exempt tax_id_data test_clock validate"
    ),
    "GET /v1/customers/search": "limit page query",
    "GET /v1/customers/{id}/payment_methods": "allow_redisplay ending_before limit starting_after type",
    "GET /v1/payment_methods": "allow_redisplay customer customer_account ending_before limit starting_after type",
    "POST /v1/payment_methods": (
        "acss_debit affirm afterpay_clearpay alipay allow_redisplay alma amazon_pay au_becs_debit bacs_debit "
        "bancontact billie billing_details bizum blik boleto card cashapp crypto custom customer customer_balance "
        "eps fpx giropay grabpay ideal interac_present kakao_pay klarna konbini kr_card link mb_way metadata "
        "mobilepay multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco payment_method paynow paypal "
        "paypay payto pix promptpay radar_options revolut_pay samsung_pay satispay scalapay sepa_debit sequra "
        "sofort sunbit swish twint type upi us_bank_account wechat_pay zip"
    ),
    "GET /v1/payment_methods/{id}": "",
    "POST /v1/payment_methods/{id}": "allow_redisplay billing_details card metadata us_bank_account",
    "POST /v1/payment_methods/{id}/attach": "customer customer_account",
    "POST /v1/payment_methods/{id}/detach": "",
    "GET /v1/setup_intents": (
        "attach_to_self created customer customer_account ending_before limit payment_method starting_after"
    ),
    "POST /v1/setup_intents": (
        "allowed_payment_method_types attach_to_self automatic_payment_methods confirm confirmation_token "
        "customer customer_account description excluded_payment_method_types flow_directions mandate_data "
        "metadata on_behalf_of payment_method payment_method_configuration payment_method_data "
        "payment_method_options payment_method_types return_url single_use usage use_stripe_sdk"
    ),
    "GET /v1/setup_intents/{id}": "client_secret",
    "POST /v1/setup_intents/{id}": (
        "allowed_payment_method_types attach_to_self customer customer_account description "
        "excluded_payment_method_types flow_directions metadata payment_method payment_method_configuration "
        "payment_method_data payment_method_options payment_method_types"
    ),
    "POST /v1/setup_intents/{id}/cancel": "cancellation_reason",
    "POST /v1/setup_intents/{id}/confirm": (
        "allowed_payment_method_types confirmation_token mandate_data payment_method payment_method_data "
        "payment_method_options return_url use_stripe_sdk"
    ),
    "GET /v1/mandates/{id}": "",
    "GET /v1/setup_attempts": "created ending_before limit setup_intent starting_after",
    "GET /v1/disputes": "charge created ending_before limit payment_intent starting_after",
    "GET /v1/disputes/{id}": "",
    "POST /v1/disputes/{id}": "evidence intended_submission_method metadata submit",
    "POST /v1/disputes/{id}/close": "",
    "GET /v1/events": "created delivery_success ending_before limit starting_after type types",
    "GET /v1/events/{id}": "",
    "GET /v1/balance_transactions": "created currency ending_before limit payout source starting_after type",
    "GET /v1/balance_transactions/{id}": "",
    "GET /v1/balance": "",
    "DELETE /v1/ephemeral_keys/{id}": "",
    "POST /v1/ephemeral_keys": "customer issuing_card nonce verification_session",
    "POST /v1/customer_sessions": "components customer customer_account",
    "DELETE /v1/webhook_endpoints/{id}": "",
    "GET /v1/webhook_endpoints/{id}": "",
    "POST /v1/webhook_endpoints/{id}": "description disabled enabled_events metadata url",
    "GET /v1/webhook_endpoints": "ending_before limit starting_after",
    "POST /v1/webhook_endpoints": "api_version connect description enabled_events metadata url",
    "GET /v1/payouts": "arrival_date created destination ending_before limit starting_after status",
    "GET /v1/payouts/{id}": "",
    "POST /v1/payouts": (
        "amount currency description destination metadata method payout_method source_type statement_descriptor"
    ),
    "GET /v1/confirmation_tokens/{id}": "",
    "POST /v1/test_helpers/confirmation_tokens": (
        "payment_method payment_method_data payment_method_options return_url setup_future_usage shipping"
    ),
    "GET /v1/reviews": "created ending_before limit starting_after",
    "GET /v1/reviews/{id}": "",
    "POST /v1/reviews/{id}/approve": "",
    "GET /v1/radar/early_fraud_warnings": "charge created ending_before limit payment_intent starting_after",
    "GET /v1/radar/early_fraud_warnings/{id}": "",
}
NESTED: Mapping[str, str] = {
    "amount_details": "discount_amount enforce_arithmetic_validation line_items shipping tax",
    "amount_details[line_items]": (
        "discount_amount payment_method_options product_code product_name quantity tax unit_cost unit_of_measure"
    ),
    "automatic_payment_methods": "allow_redirects enabled",
    "billing_details": "address email name phone tax_id",
    "card": "cvc exp_month exp_year networks number token",
    "invoice_settings": "custom_fields default_payment_method footer rendering_options",
    "mandate_data": "customer_acceptance",
    "mandate_data[customer_acceptance]": "accepted_at offline online type",
    "mandate_data[customer_acceptance][online]": "infer_from_client ip_address user_agent",
    "payment_method_data": (
        "acss_debit affirm afterpay_clearpay alipay allow_redisplay alma amazon_pay au_becs_debit bacs_debit "
        "bancontact billie billing_details bizum blik boleto cashapp crypto customer_balance eps fpx giropay "
        "grabpay ideal interac_present kakao_pay klarna konbini kr_card link mb_way metadata mobilepay multibanco "
        "naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix promptpay "
        "radar_options revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint type "
        "upi us_bank_account wechat_pay zip"
    ),
    "payment_method_data[billing_details]": "address email name phone tax_id",
    "payment_method_data[radar_options]": "session",
    "payment_method_data[sepa_debit]": "iban",
    "payment_method_data[us_bank_account]": (
        "account_holder_type account_number account_type financial_connections_account routing_number"
    ),
    "payment_method_options": (
        "acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie "
        "bizum blik boleto card card_present cashapp crypto customer_balance eps fpx giropay grabpay ideal "
        "interac_present kakao_pay klarna konbini kr_card link mb_way mobilepay multibanco naver_pay "
        "nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix promptpay revolut_pay "
        "samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi us_bank_account wechat_pay "
        "zip"
    ),
    "payment_method_options[card]": (
        "capture_method cvc_token installments mandate_options moto network request_extended_authorization "
        "request_incremental_authorization request_multicapture request_overcapture request_three_d_secure "
        "require_cvc_recollection setup_credential_usage setup_future_usage statement_descriptor_suffix_kana "
        "statement_descriptor_suffix_kanji stored_credential_usage three_d_secure"
    ),
    "payment_method_options[card_present]": (
        "capture_method request_extended_authorization request_incremental_authorization_support routing"
    ),
    "payment_method_options[link]": "capture_method persistent_token setup_future_usage",
    "payment_method_options[sepa_debit]": "mandate_options setup_future_usage target_date",
    "payment_method_options[sequra]": "capture_method setup_future_usage",
    "payment_method_options[us_bank_account]": (
        "financial_connections mandate_options networks setup_future_usage target_date transaction_purpose "
        "verification_method"
    ),
    "shipping": "address carrier name phone tracking_number",
    "us_bank_account": "account_holder_type account_number account_type financial_connections_account routing_number",
}
# Unsupported calls of supported objects.
CALLS = (
    "POST /v1/charges",
    "DELETE /v1/customers/{id}/discount",
    "POST /v1/customers/{id}/funding_instructions",
    "GET /v1/customers/{id}/sources",
    "POST /v1/customers/{id}/sources",
    "GET /v1/customers/{id}/sources/{other}",
    "POST /v1/customers/{id}/sources/{other}",
    "DELETE /v1/customers/{id}/sources/{other}",
    "POST /v1/customers/{id}/sources/{other}/verify",
    "POST /v1/radar/payment_evaluations",
    "GET /v1/radar/value_list_items",
    "POST /v1/radar/value_list_items",
    "GET /v1/radar/value_list_items/{id}",
    "DELETE /v1/radar/value_list_items/{id}",
    "GET /v1/radar/value_lists",
    "POST /v1/radar/value_lists",
    "GET /v1/radar/value_lists/{id}",
    "POST /v1/radar/value_lists/{id}",
    "DELETE /v1/radar/value_lists/{id}",
)
# Unsupported objects.
ROOTS = frozenset(
    (
        "account account_links account_sessions accounts apple_pay application_fees apps balance_settings billing "
        "billing_portal checkout climate country_specs coupons credit_notes entitlements exchange_rates file_links "
        "files financial_connections forwarding identity invoice_payments invoice_rendering_templates invoiceitems "
        "invoices issuing payment_attempt_records payment_links payment_method_configurations "
        "payment_method_domains payment_records plans prices product_catalog products promotion_codes quotes reporting "
        "shipping_rates sigma sources subscription_items subscription_schedules subscriptions tax "
        "tax_codes tax_ids tax_rates terminal test_helpers three_d_secure tokens topups transfers treasury"
    ).split()
)
SECOND_VERSION = ("billing", "commerce", "core", "money_management", "test_helpers")

# The types of methods that an intent can exclude, and those that it can allow.
EXCLUDED_TYPES = frozenset(
    (
        "acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie bizum "
        "blik boleto card cashapp crypto customer_balance eps fpx giropay grabpay ideal kakao_pay klarna konbini "
        "kr_card mb_way mobilepay multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal "
        "paypay payto pix promptpay revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish "
        "twint upi us_bank_account wechat_pay zip"
    ).split()
)
ALLOWED_TYPES = EXCLUDED_TYPES | frozenset(
    (
        "boku_promptpay capchase_pay card_present check_scan click_to_pay demo_pay duitnow dummy_auth_push "
        "dummy_passthrough_card edenred gcash getbalance gift_card gopay id_bank_transfer interac_present knet "
        "kr_market kriya link momo mondu netbanking ng_bank ng_bank_transfer ng_card ng_market ng_ussd ng_wallet "
        "octopus paper_check qris rechnung shop_pay shopeepay south_korea_market stripe_balance tamara test_pay "
        "touch_n_go truemoney us_cash_voucher vipps wero"
    ).split()
)
