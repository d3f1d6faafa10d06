"""The mutations. Each field is a signature, a sentence and a binding."""

from typing import Annotated

import strawberry

from domain.caller import Scope
from resolvers import customers, operations, orders, payments, reconciliation, refunds, webhook_events
from schema.directives import Auth, Cost
from schema.enums import CustomerSessionComponent, ReviewOutcome
from schema.fields import Info, field_with
from schema.inputs import (
    CancelPaymentInput,
    CapturePaymentInput,
    ConfirmPaymentInput,
    CreateOffSessionPaymentInput,
    CreatePaymentInput,
    CreateSetupIntentInput,
    RefundPaymentInput,
    RegisterOrderInput,
)
from schema.payloads import (
    CustomerPayload,
    CustomerSessionPayload,
    OperationPayload,
    OpsPayload,
    OrderPayload,
    PaymentPayload,
    RefundPayload,
    SetupIntentPayload,
)
from schema.scalars import IdempotencyKey

Key = Annotated[
    IdempotencyKey,
    strawberry.argument(description="A new one for each act, the same one for each repetition of it."),
]
Register = Annotated[RegisterOrderInput, strawberry.argument(description="The order.")]
Create = Annotated[CreatePaymentInput, strawberry.argument(description="How to pay.")]
CreateOffSession = Annotated[CreateOffSessionPaymentInput, strawberry.argument(description="What is to be paid.")]
Confirm = Annotated[ConfirmPaymentInput | None, strawberry.argument(description="What to try.")]
Capture = Annotated[CapturePaymentInput, strawberry.argument(description="What to take.")]
Cancel = Annotated[CancelPaymentInput, strawberry.argument(description="What to give up.")]
Give = Annotated[RefundPaymentInput, strawberry.argument(description="What to give back.")]
Keep = Annotated[CreateSetupIntentInput, strawberry.argument(description="Who keeps a method, and for what.")]
MethodId = Annotated[strawberry.ID, strawberry.argument(description="The saved payment method.")]
PaymentId = Annotated[strawberry.ID, strawberry.argument(description="The payment.")]

IN_INPUT = "It is a field of `input`."
ACT = Cost(weight=10)  # it writes, and most of it calls Stripe


@strawberry.type(description="Everything that can be done. What moves money takes a key, and happens once.")
class Mutation:
    """Acts."""

    @field_with(Auth(scopes=[Scope.ORDERS_WRITE.value]), ACT)
    async def register_order(self, info: Info, input: Register, idempotency_key: Key) -> OrderPayload | None:
        """Server to server: states what an order owes before anyone can pay it. Registering the same external id again
        changes the order. Once a payment has begun, only its total and what describes it may change: an open payment
        that is not confirmed follows at Stripe, and both change together or not at all.
        """
        result = await orders.register_order(info.context, input=vars(input), key=idempotency_key)
        return OrderPayload.of(result)

    @field_with(ACT)
    async def create_payment(self, info: Info, input: Create, idempotency_key: Key) -> PaymentPayload | None:
        """Pays what an order owes, or prepares a payment for the payer's browser to confirm. For the order's buyer
        (payments:pay) and for services (payments:write).
        """
        result = await payments.create_payment(info.context, input=vars(input), key=idempotency_key)
        return PaymentPayload.of(result, with_view_token=True)

    @field_with(Auth(scopes=[Scope.PAYMENTS_WRITE.value]), ACT)
    async def create_off_session_payment(
        self, info: Info, input: CreateOffSession, idempotency_key: Key
    ) -> PaymentPayload | None:
        """Pays what an order owes at once, with a method that its customer keeps, while they are away. Where the bank
        wants them, it is AUTHENTICATION_REQUIRED and the payment stays open: its buyer confirms it when they are back,
        with `paymentConfirmation` or confirmPayment. After a decline likewise.
        """
        result = await payments.create_off_session_payment(info.context, input=vars(input), key=idempotency_key)
        return PaymentPayload.of(result)

    @field_with(ACT)
    async def confirm_payment(
        self,
        info: Info,
        *,
        input: Confirm = None,
        idempotency_key: Key,
        payment_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The payment.", deprecation_reason=IN_INPUT)
        ] = None,
        payment_method_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Stripe token of the method to try (pm_…).", deprecation_reason=IN_INPUT),
        ] = None,
        return_url: Annotated[
            str | None,
            strawberry.argument(
                description="Where the payer comes back to after a redirect; without it, to where createPayment said.",
                deprecation_reason=IN_INPUT,
            ),
        ] = None,
    ) -> PaymentPayload | None:
        """Tries an open payment with a payment method or a token, e.g. after a decline, or another one while the bank
        still waits for the payer; browsers normally confirm with Stripe.js. For the payer and for services.
        """
        outside = {"payment_id": payment_id, "payment_method_id": payment_method_id, "return_url": return_url}
        result = await payments.confirm_payment(
            info.context, input=vars(input) if input is not None else None, outside=outside, key=idempotency_key
        )
        return PaymentPayload.of(result)

    @field_with(Auth(scopes=[Scope.PAYMENTS_WRITE.value]), ACT)
    async def capture_payment(self, info: Info, input: Capture, idempotency_key: Key) -> PaymentPayload | None:
        """Takes money that is held, all of it or a part; the rest is released."""
        result = await payments.capture_payment(info.context, input=vars(input), key=idempotency_key)
        return PaymentPayload.of(result)

    @field_with(ACT)
    async def cancel_payment(self, info: Info, input: Cancel, idempotency_key: Key) -> PaymentPayload | None:
        """Gives an open payment up and releases what it holds. For the payer and for services."""
        result = await payments.cancel_payment(info.context, input=vars(input), key=idempotency_key)
        return PaymentPayload.of(result)

    @field_with(Auth(scopes=[Scope.REFUNDS_WRITE.value]), ACT)
    async def refund_payment(self, info: Info, input: Give, idempotency_key: Key) -> RefundPayload | None:
        """Gives money back, never more than was taken and is left."""
        return RefundPayload.of(await refunds.refund_payment(info.context, input=vars(input), key=idempotency_key))

    @field_with(ACT)
    async def create_setup_intent(self, info: Info, input: Keep, idempotency_key: Key) -> SetupIntentPayload | None:
        """Begins to keep a payment method without paying: the customer's browser or app confirms it with
        `confirmation`. For the customer and for services.
        """
        result = await customers.create_setup_intent(info.context, input=vars(input), key=idempotency_key)
        return SetupIntentPayload.of(result)

    @field_with(ACT)
    async def set_default_payment_method(
        self, info: Info, id: MethodId, idempotency_key: Key
    ) -> CustomerPayload | None:
        """Makes a saved payment method the one that is used where none is named. For its customer and for services."""
        return CustomerPayload.of(await customers.set_default_method(info.context, id=id, key=idempotency_key))

    @field_with(ACT)
    async def detach_payment_method(self, info: Info, id: MethodId, idempotency_key: Key) -> CustomerPayload | None:
        """Forgets a saved payment method, here and at Stripe; it can never be used again. For its customer and for
        services.
        """
        return CustomerPayload.of(await customers.detach_method(info.context, id=id, key=idempotency_key))

    @field_with(ACT)
    async def create_customer_session(
        self,
        info: Info,
        components: Annotated[
            list[CustomerSessionComponent], strawberry.argument(description="Where it is to be used; at least one.")
        ],
        customer_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Whose session it is: for services; without it the caller's own."),
        ] = None,
    ) -> CustomerSessionPayload | None:
        """Opens a session in which Stripe's elements show a customer what they keep, for half an hour. For the customer
        and for services. It takes no key: each call opens another one, and moves nothing.
        """
        result = await customers.create_session(info.context, components=components, customer_id=customer_id)
        return CustomerSessionPayload(result=result)

    @field_with(ACT)
    async def sync_payment(self, info: Info, payment_id: PaymentId) -> PaymentPayload | None:
        """Pulls the truth from Stripe now. Never moves money. For the payer, payments:read and payments:write."""
        return PaymentPayload.of(await payments.sync_payment(info.context, payment_id=payment_id))

    @field_with(Auth(scopes=[Scope.OPS_WRITE.value]), ACT)
    async def replay_webhook_events(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Up to 100 events.")],
        dry_run: Annotated[bool, strawberry.argument(description="Only say how many it would be.")] = True,
    ) -> OpsPayload | None:
        """Makes events of the inbox due again, but for those that are being applied at the moment. Applying an event
        twice changes nothing.
        """
        result = await webhook_events.replay_webhook_events(info.context, ids=ids, dry_run=dry_run)
        return OpsPayload(affected=result.affected, error=result.error)

    @field_with(Auth(scopes=[Scope.OPS_WRITE.value]), ACT)
    async def resolve_discrepancy(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The discrepancy.")],
        resolution: Annotated[
            str,
            strawberry.argument(description="Why it is closed, for whoever reads it later; up to 1,000 characters."),
        ],
        repair: Annotated[
            bool, strawberry.argument(description="Merge what Stripe says first; refused when that does not help.")
        ] = False,
    ) -> OpsPayload | None:
        """Closes a discrepancy: REPAIRED when a repair makes the two sides agree, else ACCEPTED as it is. A repair
        goes the way of every change and is in the audit trail; no figure is ever edited.
        """
        error = await reconciliation.resolve_discrepancy(info.context, id=id, resolution=resolution, repair=repair)
        return OpsPayload(affected=int(error is None), error=error)

    @field_with(Auth(scopes=[Scope.OPS_WRITE.value]), ACT)
    async def resolve_operation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="An operation in NEEDS_REVIEW.")],
        outcome: Annotated[ReviewOutcome, strawberry.argument(description="What was found out.")],
        evidence: Annotated[
            str,
            strawberry.argument(description="How it was found out, for the audit trail; up to 1,000 characters."),
        ],
        stripe_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="For HAPPENED: the refund (re_…) or payment (pi_…) found at Stripe."),
        ] = None,
    ) -> OperationPayload | None:
        """Settles an operation that Stripe could not tell the end of. What Stripe shows is never overruled: HAPPENED
        needs an object of Stripe's that fits, DID_NOT_HAPPEN is refused when Stripe shows that it did.
        """
        result = await operations.resolve_operation(
            info.context, id=id, outcome=outcome, evidence=evidence, stripe_id=stripe_id
        )
        return OperationPayload(result=result)
