"""REMEMBERS: the tables, their constraints and the engine under them.

Rows are nouns. A table's CHECK constraints, partial indexes and triggers stand in the migrations, because aerich
cannot express them; `tests/models/test_migrations.py` lists each of them by name.
"""

from models.customers import Customer
from models.events import PaymentEvent
from models.failures import PaymentFailure
from models.operations import Operation
from models.orders import Order
from models.payments import Payment
from models.rate_buckets import RateBucket
from models.reconciliation import Discrepancy, ReconciliationRun
from models.refunds import Refund
from models.webhook_events import EventReading, WebhookEvent

TABLES = (
    "models.customers",
    "models.orders",
    "models.payments",
    "models.refunds",
    "models.failures",
    "models.operations",
    "models.events",
    "models.webhook_events",
    "models.reconciliation",
    "models.rate_buckets",
)

__all__ = [
    "TABLES",
    "Customer",
    "Discrepancy",
    "EventReading",
    "Operation",
    "Order",
    "Payment",
    "PaymentEvent",
    "PaymentFailure",
    "RateBucket",
    "ReconciliationRun",
    "Refund",
    "WebhookEvent",
]
