"""A small client that pays once, whatever the network does."""

from paygraph_client.client import Paygraph
from paygraph_client.events import Bearer, Event
from paygraph_client.results import (
    Canceled,
    Declined,
    Held,
    Kept,
    NeedsAction,
    Paid,
    PaygraphError,
    Refused,
    Result,
    SetupResult,
    ToSetUp,
    Undecided,
)
from paygraph_client.stores import FileStore, MemoryStore, Record, Store

__all__ = [
    "Bearer",
    "Canceled",
    "Declined",
    "Event",
    "FileStore",
    "Held",
    "Kept",
    "MemoryStore",
    "NeedsAction",
    "Paid",
    "Paygraph",
    "PaygraphError",
    "Record",
    "Refused",
    "Result",
    "SetupResult",
    "Store",
    "ToSetUp",
    "Undecided",
]
