"""Pays an order through Paygraph once, whatever the network does.

async with Paygraph("https://pay.example", token, FileStorage(Path("attempts"))) as paygraph:
    outcome = await paygraph.pay(order_id, 1_099, "USD", payment_method_id)
    match outcome:
        case Paid(): ...
        case Declined(customer_message=text): ...  # then: paygraph.try_again(outcome, another_method)
        case NeedsAction(redirect_url=url): ...  # afterwards: paygraph.pay(…) again, with the same arguments
        case Failed(code=code): ...
        case Unknown(): ...  # later: paygraph.pay(…) again, with the same arguments
    await paygraph.delivered(outcome)  # once the outcome is shown or kept
"""

from .client import NotAnswered, OtherAttempt, Paygraph
from .outcome import Declined, Failed, NeedsAction, Outcome, Paid, Unknown
from .storage import FileStorage, MemoryStorage, Storage

__all__ = [
    "Declined",
    "Failed",
    "FileStorage",
    "MemoryStorage",
    "NeedsAction",
    "NotAnswered",
    "OtherAttempt",
    "Outcome",
    "Paid",
    "Paygraph",
    "Storage",
    "Unknown",
]
