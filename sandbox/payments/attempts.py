"""One attempt to charge an intent: 3D Secure, the bank's answer, settlement and fees."""

from typing import Any

from sandbox import objects
from sandbox.customers import granted_tokens, mandates, payment_methods
from sandbox.customers.kinds import KINDS
from sandbox.customers.methods import (
    AUTHENTICATE,
    DEPOSITS_TOO_LATE,
    NOT_AUTHENTICATED,
    NOT_PAID,
    TOO_LATE,
    CardDecline,
    TestMethod,
)
from sandbox.errors import StripeError, doc_url, invalid, unexpected_state
from sandbox.ledger import Ledger
from sandbox.payments import actions, authorisations, declines, disputes, options, releases
from sandbox.payments.authentication import three_d_secure
from sandbox.store import new_id

Json = dict[str, Any]

NEVER_SECONDS = 50 * 365 * 86_400
FEES_SECONDS = 2  # with automatic_async the fees are known a moment after the payment


def ask_payer(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod, params: Json) -> Json:
    """Send the payer to the 3DS page, or fail when the payer is absent: the bank demands authentication."""
    if params.get("off_session") and behaviour.type != "card":
        raise invalid(f"A {behaviour.type} cannot be used without its payer.", param="off_session")
    if params.get("off_session"):
        return _refused(ledger, intent, method, behaviour, AUTHENTICATE)
    if params.get("error_on_requires_action"):
        raise _card_error(_failed(ledger, intent, method, AUTHENTICATE, charge=None), intent)
    action = _action(ledger, intent, behaviour, params)
    intent |= {"status": "requires_action", "next_action": action, "last_payment_error": None}
    ledger.store.save(intent)
    attempt_id = new_id("att")
    ledger.store.remember(intent["id"], return_url=params.get("return_url"), attempt=attempt_id)
    if expires := options.expires(intent, behaviour.type):
        ledger.later(expires, "expire_action", f"{intent['id']} {attempt_id}")
    ledger.happened("payment_intent.requires_action", intent)
    return intent


def _action(ledger: Ledger, intent: Json, behaviour: TestMethod, params: Json) -> Json:
    page, back = f"{ledger.public_url}/_sandbox/3ds/{intent['id']}", params.get("return_url")
    kind = KINDS[behaviour.type]
    url = f"{page}?payment_intent={intent['id']}&payment_intent_client_secret={intent['client_secret']}"
    if behaviour.type == "us_bank_account":
        return actions.microdeposits(page, ledger.now)
    if ledger.store.setting("challenges", "never") == "always":
        return actions.challenge()
    if kind.action:
        shown = url if kind.action in ("redirect_to_url", "alipay_handle_redirect") else page
        expires = options.expires(intent, behaviour.type)
        return actions.of(kind.action, intent, shown, ledger.now, expires=expires, back=back)
    if back and not params.get("use_stripe_sdk"):
        return actions.of("redirect_to_url", intent, url, ledger.now, back=back)
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page}}


def finish_action(ledger: Ledger, identity: str, *, passed: bool, refusal: CardDecline | None = None) -> Json:
    """Apply the payer's answer, at the 3DS page, at a bank or in a shop.

    A refusal is not an error of a call: it is stored on the intent, with `refusal` where one is passed.
    """
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] != "requires_action":
        raise unexpected_state(intent, "authenticated", ("requires_action",))
    method, behaviour = payment_methods.find(ledger, intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        reason = NOT_AUTHENTICATED if behaviour.type == "card" else refusal or NOT_PAID
        _failed(ledger, intent, method, reason, charge=None)
    elif decline := declines.next_one(ledger, behaviour.type) or behaviour.declines_after_action:
        _decline(ledger, intent, method, behaviour, decline)
    else:
        _charge(ledger, intent, method, behaviour, authenticated=True)
    return intent


def expire_action(ledger: Ledger, subject: str) -> None:
    """Expire an unpaid voucher or code, or an unverified account, unless another attempt has been made meanwhile."""
    identity, _, attempt_id = subject.partition(" ")
    waiting = ledger.need("payment_intent", identity)["status"] == "requires_action"
    if waiting and ledger.store.hidden(identity).get("attempt") == attempt_id:
        end_action(ledger, identity)


def end_action(ledger: Ledger, identity: str) -> None:
    """Let the time run out in which the payer could do what they were asked for."""
    verifies = ledger.need("payment_intent", identity)["next_action"]["type"] == "verify_with_microdeposits"
    finish_action(ledger, identity, passed=False, refusal=DEPOSITS_TOO_LATE if verifies else TOO_LATE)


def attempt(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod) -> Json:
    """Send the charge to the bank. Raises StripeError (402) when the bank declines."""
    decline = declines.next_one(ledger, behaviour.type) or behaviour.decline
    if decline is not None:
        return _refused(ledger, intent, method, behaviour, decline)
    return _charge(ledger, intent, method, behaviour, authenticated=False)


def take(ledger: Ledger, intent: Json, charge: Json, amount: int, *, event: str, final: bool = True) -> None:
    """Capture an amount. A final capture releases the rest, and the intent succeeds.

    `event` is the type of the charge's event. Of several captures each makes a `charge.updated`, and only the end of
    the authorization, by the last capture or by time, makes a `charge.captured`.
    """
    captured, before = charge["amount_captured"] + amount, dict(charge)
    left = charge["amount"] - captured
    done = final or left <= 0
    charge |= {"amount_captured": captured, "captured": True, "paid": True, "status": "succeeded"}
    released = releases.release(ledger, charge, left, captures=amount > 0) if done else []
    if intent["capture_method"] == "automatic_async":
        ledger.later(FEES_SECONDS, "fees", charge["id"])
    elif amount:
        booked = amount + (left if done and releases.is_booked(ledger) and left > 0 else 0)
        charge["balance_transaction"] = _fees(ledger, charge, amount, booked)
    ledger.store.save(charge)
    intent |= {"amount_received": captured, "amount_capturable": 0 if done else left, "processing": None}
    intent["status"] = "succeeded" if done else "requires_capture"
    ledger.store.save(intent)
    if event == "charge.captured" and amount and (not done or before["captured"]):  # one of several captures
        ledger.happened("charge.updated", charge, before=before)
    if event != "charge.captured" or done:
        ledger.happened(event, charge)
    ledger.all_happened(released)
    ledger.happened("payment_intent.succeeded" if done else "payment_intent.amount_capturable_updated", intent)
    granted_tokens.take(ledger, charge["payment_method"], amount)
    granted_tokens.hold(ledger, charge["payment_method"], -left if done else 0)


def account(ledger: Ledger, identity: str) -> None:
    """Book the fees of a charge: `charge.updated` reports them."""
    charge = ledger.need("charge", identity)
    before = dict(charge)
    charge["balance_transaction"] = _fees(ledger, charge, charge["amount_captured"])
    ledger.store.save(charge)
    ledger.happened("charge.updated", charge, before=before)


def settle(ledger: Ledger, identity: str) -> None:
    """Settle a bank debit days later, as its test method says: it is paid, or returned."""
    intent = ledger.need("payment_intent", identity)
    if intent["status"] == "processing":
        settle_as(ledger, identity, payment_methods.find(ledger, intent["payment_method"])[1].settles)


def settle_as(ledger: Ledger, identity: str, come_back: CardDecline | None) -> None:
    """Settle a bank debit: paid, or returned for this reason."""
    intent = ledger.need("payment_intent", identity)
    method, behaviour = payment_methods.find(ledger, intent["payment_method"])
    charge = ledger.need("charge", intent["latest_charge"])
    if come_back is None:
        take(ledger, intent, charge, intent["amount"], event="charge.succeeded")
        if behaviour.dispute is not None:
            disputes.open_dispute(ledger, charge, behaviour.dispute[0], reason=behaviour.dispute[1])
        return
    mandate = ledger.store.hidden(identity).get("mandate")
    if mandate and come_back.reason in disputes.ENDS_MANDATE:
        mandates.move(ledger, mandate, "inactive")
    charge |= {"status": "failed", "paid": False, "failure_code": come_back.code, "failure_message": come_back.message}
    ledger.store.save(charge)
    granted_tokens.hold(ledger, method["id"], -intent["amount"])
    ledger.happened("charge.failed", charge)
    _failed(ledger, intent, method, come_back, charge=charge)


def available(ledger: Ledger, identity: str) -> None:
    """Make pending money available for payouts."""
    ledger.store.save(ledger.need("balance_transaction", identity) | {"status": "available"})


def _charge(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod, *, authenticated: bool) -> Json:
    charge = objects.charge(ledger.now, intent, method, behaviour, decline=None)
    charge["receipt_url"] = f"{ledger.public_url}/_sandbox/receipt/{charge['id']}"
    if authenticated and behaviour.type == "card":
        charge["payment_method_details"]["card"]["three_d_secure"] = three_d_secure()
    intent |= {"latest_charge": charge["id"], "last_payment_error": None, "next_action": None}
    if mandate := ledger.store.hidden(intent["id"]).get("mandate"):
        charge["payment_method_details"][behaviour.type]["mandate"] = mandates.move(ledger, mandate, "active")["id"]
    ledger.store.add(charge)
    granted_tokens.hold(ledger, method["id"], intent["amount"])
    if debits := KINDS[behaviour.type].debits:
        charge |= {"status": "pending", "paid": False}
        ledger.store.save(charge)
        intent["status"] = "processing"
        ledger.store.save(intent)
        ledger.later(debits if behaviour.answers else NEVER_SECONDS, "settle", intent["id"])
        ledger.happened("charge.pending", charge)
        ledger.happened("payment_intent.processing", intent)
    elif authorisations.is_manual(intent, behaviour.type):
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        seconds = authorisations.hold_seconds(charge)
        charge["payment_method_details"]["card"]["capture_before"] = ledger.now + seconds
        ledger.store.save(charge)
        ledger.store.save(intent)
        ledger.later(seconds, "expire", intent["id"])
        ledger.happened("charge.succeeded", charge)
        ledger.happened("payment_intent.amount_capturable_updated", intent)
    else:
        take(ledger, intent, charge, intent["amount"], event="charge.succeeded")
    _keep_method(ledger, intent, method, authenticated=authenticated)
    if behaviour.dispute is not None and charge["captured"]:
        status, reason = behaviour.dispute
        disputes.open_dispute(ledger, charge, status, reason=reason)
    return intent


def _keep_method(ledger: Ledger, intent: Json, method: Json, *, authenticated: bool) -> None:
    """Attach a method that paid to the customer who saves it, or mark it as used."""
    facts = ledger.store.hidden(method["id"])
    usage = options.kept_for(intent, method["type"])
    if usage is not None:
        saves = intent["customer"] and ledger.store.get(intent["customer"], "customer")  # it may be deleted meanwhile
        if saves and method["customer"] is None:
            payment_methods.attach(ledger, method["id"], {"customer": intent["customer"]})
        facts |= {"set_up": (authenticated and usage == "off_session") or facts.get("set_up", False), "for_later": True}
    ledger.store.hide(method["id"], facts | {"used": True})


def _fees(ledger: Ledger, charge: Json, amount: int, booked: int | None = None) -> str:
    """Book 2.9 % and 30 cents, rounded half up; `booked` is the gross amount on the balance, if not `amount`."""
    fee = (amount * 29 + 500) // 1000 + 30
    return ledger.move(
        amount=booked or amount, fee=fee, currency=charge["currency"], source=charge["id"], kind="charge"
    )


def _refused(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod, decline: CardDecline) -> Json:
    raise _card_error(_decline(ledger, intent, method, behaviour, decline), intent)


def _decline(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod, decline: CardDecline) -> Json:
    """Record a declined charge, and the failure on the intent."""
    charge = objects.charge(ledger.now, intent, method, behaviour, decline=decline)
    ledger.store.add(charge)
    intent["latest_charge"] = charge["id"]
    ledger.happened("charge.failed", charge)
    return _failed(ledger, intent, method, decline, charge=charge)


def _failed(ledger: Ledger, intent: Json, method: Json, decline: CardDecline, *, charge: Json | None) -> Json:
    """Record a failed attempt on the intent; returns Stripe's error."""
    by_bank = decline.type != "not_asked"
    error: Json = {
        "type": "card_error" if by_bank else "invalid_request_error",
        "code": decline.code,
        "doc_url": doc_url(decline.code),
        "message": decline.message,
        "payment_method": method,
    }
    if by_bank:
        error["decline_code"] = decline.reason
    if decline.advice:
        error["advice_code"] = decline.advice
    if decline.network:
        error["network_decline_code"] = decline.network
    if charge is not None:
        error["charge"] = charge["id"]
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error,
        "next_action": None,
        "processing": None,
    }
    ledger.store.save(intent)
    ledger.happened("payment_intent.payment_failed", intent)
    return error


def _card_error(error: Json, intent: Json) -> StripeError:
    return StripeError(402, {**error, "payment_intent": intent})
