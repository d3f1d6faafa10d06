"""Topics of events: Stripe lists events of at most 20 types at a time, so they are read by topic."""

from collections.abc import Collection
from typing import Final

from domain.states import EventTopic

FUNDS_MOVED: Final = "customer_cash_balance_transaction.created"  # money of a customer's came, paid, or went back
# The beginnings of their types; all other types are of payments.
OF_CUSTOMERS: Final = ("customer.", "customer_cash_balance_transaction.", "payment_method.", "setup_intent.")


def types_by_topic(types: Collection[str]) -> dict[EventTopic, frozenset[str]]:
    """Return these types by topic; a topic without any is left out."""
    theirs = frozenset(kind for kind in types if kind.startswith(OF_CUSTOMERS))
    topics = {EventTopic.PAYMENTS: frozenset(types) - theirs, EventTopic.CUSTOMERS: theirs}
    return {topic: of_topic for topic, of_topic in topics.items() if of_topic}
