"""A check of an answer against the annotations of Stripe's own library.

No field that Stripe lacks, none missing, none of another type.
"""

import types
import typing
from typing import Any, Literal, Union

import stripe
import stripe.params
import stripe.radar

OBJECTS: dict[str, Any] = {
    "balance": stripe.Balance,
    "balance_transaction": stripe.BalanceTransaction,
    "cash_balance": stripe.CashBalance,
    "charge": stripe.Charge,
    "confirmation_token": stripe.ConfirmationToken,
    "customer": stripe.Customer,
    "customer_balance_transaction": stripe.CustomerBalanceTransaction,
    "customer_cash_balance_transaction": stripe.CustomerCashBalanceTransaction,
    "customer_session": stripe.CustomerSession,
    "dispute": stripe.Dispute,
    "ephemeral_key": stripe.EphemeralKey,
    "event": stripe.Event,
    "mandate": stripe.Mandate,
    "payment_intent": stripe.PaymentIntent,
    "payment_intent_amount_details_line_item": stripe.PaymentIntentAmountDetailsLineItem,
    "payment_method": stripe.PaymentMethod,
    "payout": stripe.Payout,
    "radar.early_fraud_warning": stripe.radar.EarlyFraudWarning,
    "refund": stripe.Refund,
    "review": stripe.Review,
    "setup_attempt": stripe.SetupAttempt,
    "setup_intent": stripe.SetupIntent,
    "tax_id": stripe.TaxId,
    "webhook_endpoint": stripe.WebhookEndpoint,
}


def stripes_types(parameter: str) -> frozenset[str]:
    """Return the types of payment methods that a parameter of a new PaymentIntent may name."""
    return frozenset(_literals(stripe.params.PaymentIntentCreateParams.__annotations__[parameter]))


def _literals(annotation: Any) -> set[str]:
    if typing.get_origin(annotation) is Literal:
        return set(typing.get_args(annotation))
    return set().union(*(_literals(part) for part in typing.get_args(annotation)))


def problems(thing: dict[str, Any]) -> list[str]:
    """List the faults of an object, by their paths."""
    if thing["object"] in ("list", "search_result"):
        return [problem for item in thing["data"] for problem in problems(item)]
    if thing.get("deleted"):
        return sorted(f"deleted.{name}" for name in set(thing) - {"id", "object", "deleted"})
    return list(_of_class(thing, OBJECTS[thing["object"]], thing["object"]))


def _of_class(thing: dict[str, Any], kind: Any, path: str) -> typing.Iterator[str]:
    fields = {
        name: annotation
        for name, annotation in kind.__annotations__.items()
        if typing.get_origin(annotation) is not typing.ClassVar
    }
    for name in thing:
        if name not in fields and name != "deleted":
            yield f"{path}.{name}: unknown"
    for name, annotation in fields.items():
        choices = _choices(annotation)
        if name not in thing:
            if type(None) not in choices and name not in ("lines", "deleted"):
                yield f"{path}.{name}: missing"
            continue
        yield from _of_choices(thing[name], choices, f"{path}.{name}")


def _of_choices(value: Any, choices: tuple[Any, ...], path: str) -> typing.Iterator[str]:
    if value is None:
        if type(None) not in choices:
            yield f"{path}: null"
        return
    if isinstance(value, dict) and isinstance(value.get("object"), str):
        yield from problems(value)
        return
    classes = [choice for choice in choices if isinstance(choice, type) and hasattr(choice, "__annotations__")]
    if isinstance(value, dict) and classes and classes[0].__annotations__:
        yield from _of_class(value, classes[0], path)
    elif isinstance(value, list):
        inner = [typing.get_args(choice)[0] for choice in choices if typing.get_origin(choice) is list]
        for place, item in enumerate(value):
            yield from _of_choices(item, _choices(inner[0]) if inner else (Any,), f"{path}[{place}]")
    elif not _fits(value, choices):
        yield f"{path}: {value!r} is not one of {choices}"


def _choices(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return tuple(choice for part in typing.get_args(annotation) for choice in _choices(part))
    return (annotation,)


def _fits(value: Any, choices: tuple[Any, ...]) -> bool:
    for choice in choices:
        origin = typing.get_origin(choice)
        if origin is Literal and value in typing.get_args(choice):
            return True
        if isinstance(choice, type) and origin is None and isinstance(value, choice):
            return not (choice is int and isinstance(value, bool))
        if isinstance(value, dict) and (origin is not None or isinstance(choice, type)):
            return True
        if choice is Any:
            return True
    return False
