"""The buyer's view of a decline: each documented code has one row, a hidden one looks like any other."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.declines import DECLINES, LANGUAGES, Next, decline_of, explain_decline, for_buyer, searched_codes
from domain.declines import text_for_buyer as text
from domain.declines.codes import TABLE
from domain.errors import CardDeclined, DomainError, ErrorCode, ProviderProblem
from domain.states import ProviderEffect, RetryAdvice

# docs.stripe.com/declines/codes: cards
CARDS = """
authentication_not_handled authentication_required approve_with_id call_issuer card_not_supported
card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card
fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip
insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number
invalid_pin issuer_not_available lost_card merchant_blacklist mobile_device_authentication_required
new_account_information_available no_action_taken not_permitted offline_pin_required online_or_offline_pin_required
pickup_card pin_try_exceeded processing_error reenter_transaction restricted_card revocation_of_all_authorizations
revocation_of_authorization security_violation service_not_allowed stolen_card stop_payment_order testmode_decline
transaction_not_allowed try_again_later withdrawal_count_limit_exceeded
""".split()
# The same page: local payment methods
LOCAL_METHODS = """
compliance_violation currency_not_supported duplicate_transaction expired_card expired_payment_information
insufficient_funds invalid_amount invalid_authorization invalid_billing_agreement invalid_business_account
invalid_customer_account invalid_payment_information partner_generic_decline partner_high_risk_customer
partner_payment_not_found payment_disputed payment_limit_exceeded processing_error recurring_not_supported_by_bank
""".split()
# docs.stripe.com/declines/network-codes, and the failure codes on the pages of SEPA, Bacs, BECS and ACH debits
DEBITS = """
account_closed authorization_revoked bank_account_closed bank_account_invalid_details bank_account_restricted
bank_account_unusable bank_ownership_changed branch_does_not_exist debit_authorization_not_match debit_disputed
debit_not_authorized generic_could_not_process incorrect_account_holder_name insufficient_funds invalid_account_number
invalid_currency no_account recipient_deceased refer_to_customer
""".split()
DOCUMENTED = sorted({*CARDS, *LOCAL_METHODS, *DEBITS})
# "Don't report more detailed information to your customer", and its siblings.
NOT_TO_BE_SHOWN = {"fraudulent", "lost_card", "merchant_blacklist", "stolen_card"}
NOT_TO_BE_SHOWN |= {"pickup_card", "restricted_card", "security_violation", "highest_risk_level", "lost_or_stolen_card"}
NOT_TO_BE_SHOWN |= {"compliance_violation", "partner_high_risk_customer", "recipient_deceased"}
ADVICE = [None, "do_not_try_again", "try_again_later", "confirm_card_data", "invented_tomorrow"]
NETWORK = [None, "05", "51", "41", "43", "04", "59"]
SAYS = {  # words that only one advice may use
    RetryAdvice.RETRY_SAME_METHOD_LATER: "try again",
    RetryAdvice.REAUTHENTICATE_ON_SESSION: "confirm it",
}


@pytest.mark.parametrize("codes", [CARDS, LOCAL_METHODS, DEBITS], ids=["cards", "local methods", "debits"])
def test_each_documented_code_has_a_row(codes: list[str]) -> None:
    assert set(codes) - set(DECLINES) == set()


def test_no_code_has_two_rows() -> None:
    assert [
        code for code, count in Counter(code for codes in TABLE.values() for code in codes).items() if count > 1
    ] == []


def test_just_the_codes_that_must_not_be_shown_are_hidden() -> None:
    assert {code for code, decline in DECLINES.items() if decline.hidden} == NOT_TO_BE_SHOWN


@pytest.mark.parametrize("advice", ADVICE)
@pytest.mark.parametrize("code", [*DECLINES, "invented_tomorrow"])
def test_the_sentence_and_the_advice_say_the_same(code: str, advice: str | None) -> None:
    told = explain_decline(code="card_declined", decline_code=code, advice_code=advice)

    for retry, words in SAYS.items():
        assert (words in told.message.lower()) == (told.retry is retry)
    if told.retry is RetryAdvice.DO_NOT_RETRY:
        assert "again" not in told.message
    assert (told.code is ErrorCode.AUTHENTICATION_REQUIRED) == (told.retry is RetryAdvice.REAUTHENTICATE_ON_SESSION)
    row = DECLINES.get(code)
    if row is not None and (row.hidden or row.next is Next.CONFIRM):
        assert told.retry is row.next.retry  # whatever the network advises


@pytest.mark.parametrize("advice", ADVICE)
@pytest.mark.parametrize("code", [*DECLINES, "invented_tomorrow"])
def test_what_is_read_of_a_stored_decline_is_what_was_told(code: str, advice: str | None) -> None:
    for told in (
        explain_decline(decline_code=code, advice_code=advice),
        explain_decline(code=code, advice_code=advice),
    ):
        stored = DomainError.from_record(told.to_record())

        assert isinstance(stored, CardDeclined)
        assert (text(decline_of(stored)), decline_of(stored).next.retry) == (told.message, told.retry)


def test_an_authentication_that_failed_stays_one_whatever_the_bank_says_beside_it() -> None:
    told = explain_decline(code="payment_intent_authentication_failure", decline_code="generic_decline")

    assert told.code is ErrorCode.AUTHENTICATION_REQUIRED
    assert decline_of(told).next is Next.CONFIRM


@pytest.mark.parametrize("network", NETWORK)
@pytest.mark.parametrize("advice", ADVICE)
@pytest.mark.parametrize("code", sorted(NOT_TO_BE_SHOWN))
def test_a_hidden_reason_is_to_a_buyer_like_any_other_decline(
    code: str, advice: str | None, network: str | None
) -> None:
    told = explain_decline(code="card_declined", decline_code=code, advice_code=advice, network_decline_code=network)
    generic = explain_decline(decline_code="generic_decline")

    assert for_buyer(told).to_record() == generic.to_record()
    assert told.decline_code == code
    assert told.retry is RetryAdvice.DO_NOT_RETRY
    for language in LANGUAGES:  # of the staff's answer, which they may read out
        assert text(decline_of(told), language) == text(decline_of(generic), language)


@pytest.mark.parametrize("network", ["41", "43", "04", "07", "59"])
def test_a_networks_own_word_for_stolen_is_hidden_too(network: str) -> None:
    told = explain_decline(decline_code="do_not_honor", network_decline_code=network)

    assert for_buyer(told).to_record() == explain_decline(decline_code="generic_decline").to_record()


def test_any_other_decline_is_told_to_a_buyer_as_it_is() -> None:
    told = explain_decline(decline_code="insufficient_funds", network_decline_code="51", advice_code="try_again_later")

    assert for_buyer(told) is told
    assert told.message == "There are insufficient funds for this payment. Please try again later."
    assert told.retry is RetryAdvice.RETRY_SAME_METHOD_LATER


def test_what_stripe_found_wrong_with_our_request_is_the_staffs() -> None:
    told = ProviderProblem(
        ErrorCode.PROVIDER_REJECTED,
        "Stripe refused the request.",
        effect=ProviderEffect.NONE,
        stripe_request_id="req_1",
        stripe_code="parameter_invalid_integer",
        stripe_param="amount",
    )
    restored = DomainError.from_record(told.to_record())
    shown = for_buyer(told)

    assert isinstance(restored, ProviderProblem)
    assert (restored.stripe_code, restored.stripe_param) == ("parameter_invalid_integer", "amount")
    assert isinstance(shown, ProviderProblem)
    assert (shown.stripe_code, shown.stripe_param, shown.stripe_request_id) == (None, None, "req_1")
    assert (shown.code, shown.message, shown.effect) == (told.code, told.message, told.effect)


def test_a_buyers_search_finds_what_a_buyer_is_shown() -> None:
    assert searched_codes(["stolen_card", "expired_card"]) == ["expired_card"]
    assert set(searched_codes(["generic_decline"])) == {"generic_decline", *NOT_TO_BE_SHOWN}


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_code_of_tomorrow_makes_it_raise(code: str, decline_code: str, advice: str) -> None:
    told = explain_decline(code=code, decline_code=decline_code, advice_code=advice)

    assert isinstance(told, CardDeclined)
    assert told.retry is decline_of(told).next.retry


def test_the_version_before_can_read_what_this_one_stores() -> None:
    """It runs beside this one for as long as an upgrade takes, and looks for the sentence among the details."""
    told = explain_decline(code="expired_card")

    assert told.details()["customer_message"] == told.message
