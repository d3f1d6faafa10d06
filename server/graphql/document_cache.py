"""A cache of valid documents with their plans and measures. One bound in bytes covers everything.

A document and its plans are evicted together, least recently used first.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from graphql import DocumentNode

from execution import CompiledOperation
from server.graphql.query_cost import Measure

MOST_BYTES: Final = 32 * 1024 * 1024
LARGEST_SHARE: Final = 16  # a larger document is not cached: it is parsed and validated for each request
# Measured (tests/server/graphql/test_document_cache.py): a token with its location, and its share of the syntax tree.
DOCUMENT_BYTES: Final = 2_000
TOKEN_BYTES: Final = 420


@dataclass(slots=True)
class CachedDocument:
    """A valid document with its measures."""

    query: str
    document: DocumentNode
    operations: tuple[CompiledOperation, ...]
    measures: dict[tuple[object, ...], Measure] = field(default_factory=dict)
    sized_by: dict[str | None, tuple[str, ...]] = field(default_factory=dict)
    is_pinned: bool = False
    weight: int = 0

    def __post_init__(self) -> None:
        self.weight = DOCUMENT_BYTES + len(self.query) + TOKEN_BYTES * self.document.token_count


class DocumentCache:
    """The cached documents by their text. `most_bytes` bounds all of them and their plans together."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, CachedDocument] = OrderedDict()
        self.weight = 0

    def find(self, query: str) -> CachedDocument | None:
        """Return the document of this text, if it is cached."""
        found = self._kept.get(query)
        if found is not None:
            self._kept.move_to_end(query)
        return found

    def __contains__(self, query: str) -> bool:
        return query in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, cached: CachedDocument) -> None:
        """Cache a valid document, unless it is too large."""
        if cached.weight * LARGEST_SHARE > self._most_bytes or cached.query in self._kept:
            return
        self._hold(cached)

    def pin(self, cached: CachedDocument) -> None:
        """Keep a document for good: only its plans are evicted, and made again when needed."""
        cached.is_pinned = True
        cached.weight = 0  # the number of pinned documents is bounded by the manifest
        self._hold(cached)

    def _hold(self, cached: CachedDocument) -> None:
        self._kept[cached.query] = cached
        for operation in cached.operations:
            operation.on_growth = partial(self._grow, cached)
        self.weight += cached.weight
        self._shrink()

    def _grow(self, cached: CachedDocument, weight: int) -> None:
        cached.weight += weight
        self.weight += weight
        self._shrink()

    def _shrink(self) -> None:
        for query in [*self._kept] if self.weight > self._most_bytes else ():
            self._drop(self._kept[query])
            if self.weight <= self._most_bytes:
                return

    def _drop(self, cached: CachedDocument) -> None:
        self.weight -= cached.weight
        for operation in cached.operations:
            operation.plans.clear()
        if cached.is_pinned:
            cached.weight = 0
            return
        for operation in cached.operations:
            operation.on_growth = None  # a subscription may still use it, but it counts no more here
        del self._kept[cached.query]
