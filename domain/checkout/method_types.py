"""Types of payment methods: those that an installation offers, less those that an order excludes."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

# Stripe's names in the version of its API that is pinned. Source: docs.stripe.com/api/payment_intents/create.
EXCLUDABLE: Final = frozenset(
    """
    acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie bizum blik
    boleto card cashapp crypto customer_balance eps fpx giropay grabpay ideal kakao_pay klarna konbini kr_card
    mb_way mobilepay multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix
    promptpay revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi
    us_bank_account wechat_pay zip
    """.split()
)
ALLOWABLE: Final = EXCLUDABLE | frozenset(
    """
    boku_promptpay capchase_pay card_present check_scan click_to_pay demo_pay duitnow dummy_auth_push
    dummy_passthrough_card edenred gcash getbalance gift_card gopay id_bank_transfer interac_present knet kr_market
    kriya link momo mondu netbanking ng_bank ng_bank_transfer ng_card ng_market ng_ussd ng_wallet octopus
    paper_check qris rechnung shop_pay shopeepay south_korea_market stripe_balance tamara test_pay touch_n_go
    truemoney us_cash_voucher vipps wero
    """.split()
)


@dataclass(frozen=True, slots=True)
class MethodTypes:
    """The types that are offered: the `allowed` ones, or all that the Stripe account has, less the `excluded` ones."""

    allowed: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()

    def without(self, excluded: Collection[str]) -> "MethodTypes":
        """Return what is offered less these types."""
        allowed = self.allowed.difference(excluded) if self.allowed is not None else None
        return MethodTypes(allowed, self.excluded.union(excluded))

    @property
    def is_empty(self) -> bool:
        """True if nothing is offered."""
        return self.allowed is not None and not self.allowed

    def includes(self, name: str) -> bool:
        """Return True if methods of this type are offered."""
        return name not in self.excluded and (self.allowed is None or name in self.allowed)


ALL_TYPES: Final = MethodTypes()  # that the Stripe account has
