"""Thin events: the payload of an event destination of the v2 API. Source: docs.stripe.com/event-destinations.

A notification names the object without its contents. It has an id of its own, and shows the event's id in
`snapshot_event` when it is fetched.
"""

from datetime import UTC, datetime
from typing import Any

from sandbox.errors import missing
from sandbox.ledger import Ledger

Json = dict[str, Any]

SNAPSHOT, THIN = "evt_", "evt_test_"
PLURALS = {
    "radar.early_fraud_warning": "radar/early_fraud_warnings",
    "shared_payment.granted_token": "shared_payment/granted_tokens",
}
OF_CUSTOMERS = {  # their addresses are below their customer's
    "cash_balance": "cash_balance",
    "customer_cash_balance_transaction": "cash_balance_transactions",
    "tax_id": "tax_ids",
}


def notification(event: Json) -> Json:
    """Build the notification that is delivered for an event."""
    thing = event["data"]["object"]
    request = event["request"]
    reason = {"type": "request", "request": request} if request["id"] and request["idempotency_key"] else None
    return {
        "id": THIN + event["id"].removeprefix(SNAPSHOT),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event["created"], UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "livemode": event["livemode"],
        "reason": reason,
        "related_object": {"id": thing.get("id"), "type": thing["object"], "url": _address(thing)},
        "type": f"v1.{event['type']}",
    }


def _address(thing: Json) -> str:
    kind = thing["object"]
    if kind not in OF_CUSTOMERS:
        return f"/v1/{PLURALS.get(kind, kind + 's')}/{thing['id']}"
    address = f"/v1/customers/{thing['customer']}/{OF_CUSTOMERS[kind]}"
    return f"{address}/{thing['id']}" if "id" in thing else address


def retrieve(ledger: Ledger, identity: str) -> Json:
    """Return the event behind a notification."""
    event = ledger.store.get(SNAPSHOT + identity.removeprefix(THIN), "event")
    if event is None or not identity.startswith(THIN):
        raise missing("event", identity)
    return notification(event) | {"changes": None, "snapshot_event": event["id"]}
