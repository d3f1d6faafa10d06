"""The inputs of mutations and filters. No field of any input can hold card data."""

from datetime import datetime

import strawberry

from resolvers.reading.filters import Between, During, PaymentFilterInput
from schema.enums import CancelReason, CaptureMethod, PaymentStatus, RefundReason, SetupFutureUsage
from schema.scalars import CurrencyCode, Metadata, MinorUnits
from schema.types.money import MoneyInput

PAYERS_INPUT = (
    "Stripe's token of what the payer has entered or chosen in their browser or app (ctoken_…), which confirms one "
    "payment within twelve hours. Its amount is never used; a `returnUrl` of ours wins over its own."
)
SHARED_BY_AGENT = (
    "Stripe's token of a method that an agent shares, within its amount, currency and time (spt_…), where the "
    "installation takes them."
)
METADATA = "Kept with it, given back, and shown in Stripe's Dashboard beside our ids; never a secret or card data."


@strawberry.input(description="One line of an order: so many pieces of one thing.")
class LineItemInput:
    """For RegisterOrderInput."""

    name: str = strawberry.field(description="What it is, on one line of up to 250 characters.")
    quantity: int = strawberry.field(description="How many pieces, at least 1.")
    unit_amount: MinorUnits = strawberry.field(
        description="The price of one piece in minor units of the order's currency, without `taxAmount`."
    )
    tax_amount: MinorUnits | None = strawberry.field(
        default=None, description="The tax on all pieces that is to be added; left out where prices include it."
    )
    discount_amount: MinorUnits | None = strawberry.field(
        default=None, description="What all pieces together are cheaper by."
    )
    reference: str | None = strawberry.field(
        default=None,
        description="The shop's own number of the thing; Stripe is told one of up to 12 letters, digits and hyphens.",
    )


@strawberry.input(description="Who an order is shipped to, and where.")
class ShippingInput:
    """For RegisterOrderInput."""

    name: str = strawberry.field(description="The recipient.")
    phone: str | None = strawberry.field(default=None, description="The recipient's telephone number.")
    line1: str = strawberry.field(description="Street and number, or a box.")
    line2: str | None = strawberry.field(default=None, description="Floor, flat, building, company.")
    city: str | None = strawberry.field(default=None, description="City, town or village.")
    postal_code: str | None = strawberry.field(default=None, description="The postal code.")
    state: str | None = strawberry.field(default=None, description="State, county, province or prefecture.")
    country: str = strawberry.field(description="The country, ISO 3166-1 alpha-2, such as DE.")


@strawberry.input(description="An order as a service states it.")
class RegisterOrderInput:
    """For registerOrder."""

    external_id: str = strawberry.field(description="The shop's own id of the order; registering it again changes it.")
    total: MoneyInput = strawberry.field(
        description="What the order costs. An open payment that its payer has not confirmed follows a new total."
    )
    customer_external_id: str | None = strawberry.field(
        default=None, description="The shop's own id of the person who pays: the subject of their token."
    )
    customer_email: str | None = strawberry.field(default=None, description="Where to write to that person.")
    description: str | None = strawberry.field(
        default=None,
        description="What it is about, up to 1,000 characters; Stripe shows it too.",
    )
    metadata: Metadata | None = strawberry.field(default=None, description=METADATA)
    capture_method: CaptureMethod = strawberry.field(
        default=CaptureMethod.AUTOMATIC,
        description="Whether the money is taken at once or held first; a buyer cannot choose another.",
    )
    allow_partial_payments: bool = strawberry.field(
        default=False,
        description="Whether it may be paid by several payments, one after the other or at once: a deposit and the"
        " rest, two cards. They never ask for more than is due.",
    )
    customer_name: str | None = strawberry.field(
        default=None, description="What that person is called; stays here. Without it, what was said before stays."
    )
    customer_phone: str | None = strawberry.field(
        default=None, description="That person's telephone number; stays here. Without it, as above."
    )
    statement_descriptor_suffix: str | None = strawberry.field(
        default=None,
        description="The end of the text on the payer's card statement, behind the account's prefix and `* `: Latin"
        " letters, digits and signs but for <>\\'\"*, and at least one letter. Up to 10 characters, or as many as the"
        " account's prefix leaves of 22 where the server knows it.",
    )
    shipping: ShippingInput | None = strawberry.field(
        default=None, description="Who it is shipped to, and where; Stripe is told too."
    )
    line_items: list[LineItemInput] | None = strawberry.field(
        default=None,
        description="What the order consists of, up to 100 lines that come to `total`, or AMOUNT_MISMATCH; Stripe is"
        " told too. While a payment is open they change with the total alone.",
    )
    excluded_payment_method_types: list[str] | None = strawberry.field(
        default=None,
        description="Types of payment methods that may not pay it, as Stripe names them (`klarna`), beside those that"
        " the installation does not offer. They stay as they are while a payment is open.",
    )


@strawberry.input(description="How an order is to be paid.")
class CreatePaymentInput:
    """For createPayment."""

    order_id: strawberry.ID = strawberry.field(description="The order.")
    expected_amount: MoneyInput = strawberry.field(
        description="An ASSERTION, never an instruction: the server charges what the order owes, and a differing value "
        "is AMOUNT_MISMATCH. Where the order allows several payments, it owes its `amountPayable`: what is due, less "
        "what open payments ask for already."
    )
    partial_amount: MoneyInput | None = strawberry.field(
        default=None,
        description="Charge this part of it instead, where the order allows partial payments. Neither the part nor"
        " what it leaves may be less than Stripe charges.",
    )
    capture_method: CaptureMethod | None = strawberry.field(
        default=None,
        description="Whether the money is taken at once or held first; as the order says without it. Only services"
        " (payments:write) may choose another than the order's.",
    )
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=None, description="Stripe token only (pm_…). Raw card data cannot be expressed in this schema."
    )
    saved_payment_method_id: strawberry.ID | None = strawberry.field(
        default=None, description="One of the methods that the order's customer keeps, in place of `paymentMethodId`."
    )
    confirmation_token_id: strawberry.ID | None = strawberry.field(
        default=None, description=f"{PAYERS_INPUT} In place of `paymentMethodId`, and with `confirm`."
    )
    shared_payment_token: strawberry.ID | None = strawberry.field(
        default=None, description=f"{SHARED_BY_AGENT} In place of `paymentMethodId`, and with `confirm`."
    )
    confirm: bool = strawberry.field(
        default=False,
        description="Ask for the money now. Without it the payer's browser confirms it with `confirmation`.",
    )
    setup_future_usage: SetupFutureUsage | None = strawberry.field(
        default=None,
        description="Keep the method for the order's customer, who agrees to later payments while they are there, or"
        " without them. Needs an order that names its customer.",
    )
    receipt_email: str | None = strawberry.field(
        default=None, description="Where Stripe sends its receipt to, once the payment has succeeded."
    )
    return_url: str | None = strawberry.field(
        default=None,
        description="Where the payer comes back to after a redirect: https, http on this machine, or an app of the "
        "shop's own (myapp://paid) if its scheme is set. confirmPayment uses it too, unless it names another.",
    )
    metadata: Metadata | None = strawberry.field(default=None, description=METADATA)


@strawberry.input(description="Which order is to be paid while its customer is away, and with which of their methods.")
class CreateOffSessionPaymentInput:
    """For createOffSessionPayment."""

    order_id: strawberry.ID = strawberry.field(description="The order, which names its customer.")
    expected_amount: MoneyInput = strawberry.field(description="An assertion, as createPayment's.")
    saved_payment_method_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="One of the methods that the order's customer keeps, and has not allowed ON_SESSION only; without"
        " it, their default.",
    )
    metadata: Metadata | None = strawberry.field(default=None, description=METADATA)


@strawberry.input(description="What an open payment is to be tried with.")
class ConfirmPaymentInput:
    """For confirmPayment."""

    payment_id: strawberry.ID = strawberry.field(description="The payment.")
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=None, description="Stripe token of the method to try (pm_…)."
    )
    saved_payment_method_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="One of the methods that the payment's customer keeps, in place of `paymentMethodId`. They must"
        " have been known at Stripe when the payment was begun.",
    )
    confirmation_token_id: strawberry.ID | None = strawberry.field(
        default=None, description=f"{PAYERS_INPUT} In place of `paymentMethodId`."
    )
    shared_payment_token: strawberry.ID | None = strawberry.field(
        default=None, description=f"{SHARED_BY_AGENT} In place of `paymentMethodId`."
    )
    expected_amount: MoneyInput | None = strawberry.field(
        default=None,
        description="What the payer was shown. AMOUNT_MISMATCH if the payment asks for another amount, because the shop"
        " has changed the order's total since.",
    )
    return_url: str | None = strawberry.field(
        default=None,
        description="Where the payer comes back to after a redirect; without it, to where createPayment said.",
    )


@strawberry.input(description="How much of a held payment is to be taken.")
class CapturePaymentInput:
    """For capturePayment."""

    payment_id: strawberry.ID = strawberry.field(description="The payment.")
    amount: MoneyInput | None = strawberry.field(default=None, description="Defaults to all that is capturable.")
    final_capture: bool = strawberry.field(
        default=True, description="What is not taken is released; false, for taking in several parts, is refused."
    )
    settles_order: bool = strawberry.field(
        default=False,
        description="No more will be asked for: when the money is taken, the order's total is lowered to what was taken"
        " and its other open payments ask for.",
    )


@strawberry.input(description="Which payment is given up, and why.")
class CancelPaymentInput:
    """For cancelPayment."""

    payment_id: strawberry.ID = strawberry.field(description="The payment.")
    reason: CancelReason | None = strawberry.field(default=None, description="Why; Stripe keeps it too.")


@strawberry.input(description="What is to be given back.")
class RefundPaymentInput:
    """For refundPayment."""

    payment_id: strawberry.ID = strawberry.field(description="The payment.")
    amount: MoneyInput | None = strawberry.field(default=None, description="Omit it for everything still refundable.")
    reason: RefundReason = strawberry.field(description="Why.")
    note: str | None = strawberry.field(
        default=None, description="For colleagues, up to 1,000 characters; buyers do not read it."
    )
    metadata: Metadata | None = strawberry.field(default=None, description=METADATA)


@strawberry.input(description="Who is to keep a payment method, and for what.")
class CreateSetupIntentInput:
    """For createSetupIntent."""

    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="Who: for services; without it the caller themselves."
    )
    usage: SetupFutureUsage = strawberry.field(
        default=SetupFutureUsage.OFF_SESSION,
        description="What they agree to: payments while they are there, or also without them. A bank asks for more in"
        " advance where it is without them.",
    )


@strawberry.input(description="A range of minor units, both ends in it.")
class IntRange:
    """For PaymentFilter."""

    gte: MinorUnits | None = strawberry.field(default=None, description="At least this.")
    lte: MinorUnits | None = strawberry.field(default=None, description="At most this.")


@strawberry.input(description="A stretch of time, its end not in it.")
class DateRange:
    """For PaymentFilter."""

    gte: datetime | None = strawberry.field(default=None, description="From this moment on.")
    lt: datetime | None = strawberry.field(default=None, description="Before this moment.")

    def given(self) -> During:
        return During(gte=self.gte, lt=self.lt)


@strawberry.input(description="Which payments are wanted. Everything given must hold; at most 4 levels and 30 filters.")
class PaymentFilter:
    """For payments."""

    status: list[PaymentStatus] | None = strawberry.field(default=None, description="In one of these states.")
    order_id: strawberry.ID | None = strawberry.field(default=None, description="Of this order.")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Of this customer.")
    currency: CurrencyCode | None = strawberry.field(default=None, description="In this currency.")
    amount: IntRange | None = strawberry.field(default=None, description="With an amount in this range.")
    created_at: DateRange | None = strawberry.field(default=None, description="Accepted in this time.")
    updated_at: DateRange | None = strawberry.field(default=None, description="Last changed in this time.")
    decline_code: list[str] | None = strawberry.field(
        default=None, description="With an attempt, however long ago, that was declined with one of Stripe's codes."
    )
    search: str | None = strawberry.field(
        default=None,
        description="What people have at hand: an id of a payment, order, refund, customer or operation, ours (also as"
        " the UUID in Stripe's metadata) or Stripe's (pi_…, ch_…, re_…); an e-mail address of a customer or a receipt;"
        " the shop's own id of a customer, or else the beginning of its own id of an order.",
    )
    metadata: Metadata | None = strawberry.field(default=None, description="With at least these entries.")
    and_: list["PaymentFilter"] | None = strawberry.field(
        name="and", default=None, description="All of these hold as well."
    )
    or_: list["PaymentFilter"] | None = strawberry.field(
        name="or", default=None, description="One of these holds as well; an empty list matches nothing."
    )
    not_: "PaymentFilter | None" = strawberry.field(name="not", default=None, description="This does not hold.")

    def given(self) -> PaymentFilterInput:
        return PaymentFilterInput(
            status=self.status,
            order_id=self.order_id,
            customer_id=self.customer_id,
            currency=self.currency,
            amount=Between(gte=self.amount.gte, lte=self.amount.lte) if self.amount is not None else None,
            created_at=self.created_at.given() if self.created_at is not None else None,
            updated_at=self.updated_at.given() if self.updated_at is not None else None,
            decline_code=self.decline_code,
            search=self.search,
            metadata=self.metadata,
            all_of=[part.given() for part in self.and_] if self.and_ is not None else None,
            any_of=[part.given() for part in self.or_] if self.or_ is not None else None,
            none_of=self.not_.given() if self.not_ is not None else None,
        )
