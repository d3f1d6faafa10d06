"""What became of a payment, in the words that a program acts on."""

from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

BANK_SAYS = frozenset({"CARD_DECLINED", "AUTHENTICATION_REQUIRED"})  # the payment is still open, and may be paid since
UNDECIDED = frozenset({"OUTCOME_UNKNOWN", "OPERATION_IN_PROGRESS", "IDEMPOTENCY_KEY_EXPIRED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    order_id: str
    key: str
    payment: Json | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(_Outcome):
    """The money was taken; or, with `held`, is held and waits to be captured. Final."""

    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined(_Outcome):
    """The bank said no. The payment is still open: `try_again` with what `retry` advises."""

    customer_message: str
    retry: str
    decline_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsAction(_Outcome):
    """The payer has to do something: visit `redirect_url`, or confirm with `client_secret` in Stripe.js."""

    redirect_url: str | None = None
    client_secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(_Outcome):
    """It was refused or given up, and this key took no money. Final."""

    code: str
    message: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(_Outcome):
    """Nobody knows yet. Do not pay again in another way: call `pay` again later, it goes on with the same key."""


Outcome: TypeAlias = Paid | Declined | NeedsAction | Failed | Unknown


def judge(order_id: str, key: str, payment: Json | None, error: Json | None) -> Outcome | None:
    """The outcome that the answer of the server shows, None while it is not decided."""
    whose: Json = {"order_id": order_id, "key": key, "payment": payment}
    if error is not None and error["code"] in UNDECIDED:
        return None
    if error is not None and error["code"] not in BANK_SAYS:
        return Failed(**whose, code=error["code"], message=error["message"], request_id=error["requestId"])
    if payment is None:
        return None
    match payment["status"]:
        case "SUCCEEDED" | "REQUIRES_CAPTURE":
            return Paid(**whose, held=payment["status"] == "REQUIRES_CAPTURE")
        case "CANCELED":
            return Failed(**whose, code="CANCELED", message="The payment was given up.")
        case "REQUIRES_PAYMENT_METHOD" | "REQUIRES_CONFIRMATION" | "REQUIRES_ACTION" as status:
            said = error or payment["lastError"]
            if said is None or status == "REQUIRES_ACTION":
                action = payment["nextAction"] or {}
                return NeedsAction(
                    **whose, redirect_url=action.get("redirectUrl"), client_secret=payment["clientSecret"]
                )
            return Declined(
                **whose,
                customer_message=said.get("customerMessage") or said["message"],
                retry=said.get("retry") or "USE_ANOTHER_METHOD",
                decline_code=said.get("declineCode"),
            )
    return None
