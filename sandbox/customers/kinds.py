"""The types of payment methods that the offline Stripe supports, and their differences.

Sources: docs.stripe.com/payments/payment-methods/overview and the page of each method; field names as in the objects of
the API reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

DAY = 86_400


@dataclass(frozen=True, slots=True)
class MethodKind:
    """One type of payment method. Without `action`, a `next_action` type, the method pays as a card does.

    `fields` are the method's own, `charged` those of a charge's payment_method_details, `refund` the name of a refund's
    destination_details. `expires` is the number of seconds in which the payer can do what they are asked for.
    """

    currencies: tuple[str, ...] = ()  # empty: all
    action: str = ""
    fields: tuple[str, ...] = ()
    charged: tuple[str, ...] = ()
    refund: str = ""
    redirects: bool = False
    debits: int | None = None  # of a bank account, under a mandate: seconds until its bank answers
    manual: bool = False  # supports manual capture
    needs_customer: bool = False
    expires: int | None = None


def _redirect(*currencies: str, **more: Any) -> MethodKind:
    return MethodKind(currencies, action="redirect_to_url", redirects=True, **more)


BANK_ACCOUNT = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
KINDS: Mapping[str, MethodKind] = {
    "card": MethodKind(manual=True, refund="card"),
    "us_bank_account": MethodKind(("usd",), debits=4 * DAY, refund="us_bank_transfer", expires=10 * DAY),
    "sepa_debit": MethodKind(
        ("eur",),
        fields=("bank_code", "branch_code", "country", "fingerprint", "last4"),
        charged=("bank_code", "branch_code", "country", "fingerprint", "last4", "mandate"),
        debits=5 * DAY,
        refund="eu_bank_transfer",
    ),
    "affirm": _redirect("usd", "cad", charged=("location", "reader", "transaction_id"), refund="affirm"),
    "afterpay_clearpay": _redirect(
        *("usd", "cad", "gbp", "aud", "nzd"), charged=("order_id", "reference"), refund="afterpay_clearpay"
    ),
    "alipay": MethodKind(
        ("usd", "eur", "gbp", "cny", "sgd", "jpy", "aud", "cad", "hkd", "nzd"),
        action="alipay_handle_redirect",
        redirects=True,
        charged=("buyer_id", "fingerprint", "transaction_id"),
        refund="alipay",
    ),
    "bancontact": _redirect(
        "eur",
        charged=(
            "bank_code",
            "bank_name",
            "bic",
            "generated_sepa_debit",
            "generated_sepa_debit_mandate",
            "iban_last4",
            "preferred_language",
            "verified_name",
        ),
        refund="eu_bank_transfer",
    ),
    "boleto": MethodKind(
        ("brl",), "boleto_display_details", ("tax_id",), ("tax_id",), refund="br_bank_transfer", expires=3 * DAY
    ),
    "cashapp": MethodKind(
        ("usd",),
        action="cashapp_handle_redirect_or_display_qr_code",
        fields=("buyer_id", "cashtag"),
        charged=("buyer_id", "cashtag", "transaction_id"),
        refund="cashapp",
        redirects=True,
    ),
    "customer_balance": MethodKind(
        ("usd", "eur", "gbp", "jpy", "mxn"),
        action="display_bank_transfer_instructions",
        refund="customer_cash_balance",
        needs_customer=True,
    ),
    "eps": _redirect("eur", fields=("bank",), charged=("bank", "verified_name"), refund="eps"),
    "ideal": _redirect(
        "eur",
        fields=("bank", "bic"),
        charged=(
            "bank",
            "bic",
            "generated_sepa_debit",
            "generated_sepa_debit_mandate",
            "iban_last4",
            "transaction_id",
            "verified_name",
        ),
        refund="eu_bank_transfer",
    ),
    "klarna": _redirect(
        *("usd", "eur", "gbp", "sek", "dkk", "nok", "chf", "pln", "aud", "nzd", "cad"),
        fields=("dob",),
        charged=("location", "payer_details", "payment_method_category", "preferred_locale", "reader"),
        refund="klarna",
    ),
    "konbini": MethodKind(
        ("jpy",), "konbini_display_details", charged=("store",), refund="jp_bank_transfer", expires=3 * DAY
    ),
    "multibanco": MethodKind(
        ("eur",),
        "multibanco_display_details",
        charged=("entity", "reference"),
        refund="multibanco",
        expires=7 * DAY,
    ),
    "oxxo": MethodKind(
        ("mxn",), "oxxo_display_details", charged=("number",), refund="mx_bank_transfer", expires=3 * DAY
    ),
    "p24": _redirect("eur", "pln", fields=("bank",), charged=("bank", "reference", "verified_name"), refund="p24"),
    "paynow": MethodKind(
        ("sgd",), "paynow_display_qr_code", charged=("location", "reader", "reference"), refund="paynow"
    ),
    "pix": MethodKind(
        ("brl",),
        "pix_display_qr_code",
        ("fingerprint",),
        ("bank_transaction_id", "fingerprint", "mandate"),
        refund="pix",
        expires=DAY,
    ),
    "promptpay": MethodKind(("thb",), "promptpay_display_qr_code", charged=("reference",), refund="th_bank_transfer"),
    "swish": MethodKind(
        ("sek",),
        action="swish_handle_redirect_or_display_qr_code",
        charged=("fingerprint", "payment_reference", "verified_phone_last4"),
        refund="swish",
        redirects=True,
    ),
    "twint": _redirect("chf", charged=("mandate",), refund="twint"),
    "wechat_pay": MethodKind(
        ("cny", "usd", "eur", "gbp", "sgd", "jpy", "hkd", "aud", "cad"),
        action="wechat_pay_display_qr_code",
        charged=("fingerprint", "location", "reader", "transaction_id"),
        refund="wechat_pay",
    ),
}


def takes(kind: str, currency: str) -> bool:
    """Return True if a payment of this type may be in this currency."""
    known = KINDS[kind]
    return not known.currencies or currency in known.currencies


def unasked(currency: str, *, redirects: bool, customer: bool) -> list[str]:
    """List the types of an intent with `automatic_payment_methods` enabled, in this currency."""
    return [
        name
        for name, kind in KINDS.items()
        if takes(name, currency) and (redirects or not kind.redirects) and (customer or not kind.needs_customer)
    ]
