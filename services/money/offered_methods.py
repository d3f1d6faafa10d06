"""The types of payment methods that may pay an order, by the installation's settings and by the order."""

from typing import Any

from domain.checkout.method_types import MethodTypes
from domain.errors import ErrorCode, Refused
from models import Order, SavedPaymentMethod


def type_params(offered: MethodTypes, *, redirects: bool = True) -> dict[str, Any]:
    """Return the parameters by which Stripe offers methods of these types, and refuses all others.

    Of the types that Stripe chooses itself, `redirects` allows those that lead the payer to another page and back. A
    list of allowed types stands alone. Source: docs.stripe.com/changelog/dahlia/2026-07-29.
    """
    if offered.allowed is not None:
        return {"allowed_payment_method_types": sorted(offered.allowed)}
    automatic = {"enabled": True, "allow_redirects": "always" if redirects else "never"}
    excluded = {"excluded_payment_method_types": sorted(offered.excluded)} if offered.excluded else {}
    return {"automatic_payment_methods": automatic, **excluded}


def offered_params(order: Order, types: MethodTypes, *, redirects: bool) -> dict[str, Any]:
    """Return the parameters by which Stripe offers methods for a payment of an order, as `type_params` does.

    Raises Refused(INVALID_STATE) where nothing is left: Stripe would take an empty list for none.
    """
    offered = _offered(order, types)
    if offered.is_empty:
        message = "This order excludes every type of payment method that is offered by now. Register it again."
        raise Refused(ErrorCode.INVALID_STATE, message, ("input", "orderId"))
    return type_params(offered, redirects=redirects)


def check_offered(saved: SavedPaymentMethod | None, order: Order, types: MethodTypes) -> None:
    """Refuse a saved method of a type that may not pay the order. Raises Refused(PAYMENT_METHOD_UNUSABLE).

    Only Stripe knows the types of all others, and refuses them by the parameters of `offered_params`.
    """
    if saved is not None and not _offered(order, types).includes(saved.method["type"]):
        message = f"Payment methods of the type {saved.method['type']} are not offered for this order. Use another one."
        raise Refused(ErrorCode.PAYMENT_METHOD_UNUSABLE, message, ("input", "savedPaymentMethodId"))


def _offered(order: Order, types: MethodTypes) -> MethodTypes:
    return types.without(order.excluded_payment_method_types or ())
