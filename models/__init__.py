"""REMEMBERS: the tables and their constraints.

Tables are nouns. CHECK constraints, partial indexes and triggers stand in the migrations, because aerich cannot express
them; `tests/database/test_migrations.py` lists each of them by name.
"""

from models.customers import Customer, SavedPaymentMethod, Version
from models.events import CustomerEvent, PaymentEvent
from models.failures import PaymentFailure
from models.operations import Operation
from models.orders import Order
from models.payments import Payment, Revision
from models.rate_buckets import RateBucket
from models.reconciliation import Discrepancy, ReconciliationRun
from models.refunds import Refund
from models.setup_intents import SetupIntent
from models.webhook_events import EventReading, WebhookEvent

__all__ = [
    "Customer",
    "CustomerEvent",
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
    "Revision",
    "SavedPaymentMethod",
    "SetupIntent",
    "Version",
    "WebhookEvent",
]
