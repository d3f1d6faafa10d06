"""Documents that proved valid, with all that is made of them: plans and measures. One bound in bytes for everything.

A document and its plans are dropped together, the one that was used longest ago first.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from graphql import DocumentNode

from execution import CompiledOperation
from server.graphql.query_cost import Measure

MOST_BYTES: Final = 32 * 1024 * 1024
LARGEST_SHARE: Final = 16  # no document takes more than one part in so many: it is read anew each time
# Measured (tests/server/graphql/test_document_cache.py): a token with its place, and the part of the tree it makes.
DOCUMENT_BYTES: Final = 2_000
TOKEN_BYTES: Final = 420


@dataclass(slots=True)
class CachedDocument:
    """A valid document with what was already measured of it."""

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
    """Documents by their text. `most_bytes` is for all of them and their plans."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, CachedDocument] = OrderedDict()
        self.weight = 0

    def find(self, query: str) -> CachedDocument | None:
        """The document of this text, if it is known."""
        found = self._kept.get(query)
        if found is not None:
            self._kept.move_to_end(query)
        return found

    def __contains__(self, query: str) -> bool:
        return query in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, prepared: CachedDocument) -> None:
        """Keep a document that proved valid, unless it is too large for that."""
        if prepared.weight * LARGEST_SHARE > self._most_bytes or prepared.query in self._kept:
            return
        self._hold(prepared)

    def pin(self, prepared: CachedDocument) -> None:
        """Keep a document for good: only its plans are dropped, and made anew."""
        prepared.is_pinned = True
        prepared.weight = 0  # the manifest bounds them
        self._hold(prepared)

    def _hold(self, prepared: CachedDocument) -> None:
        self._kept[prepared.query] = prepared
        for operation in prepared.operations:
            operation.on_growth = partial(self._grow, prepared)
        self.weight += prepared.weight
        self._shrink()

    def _grow(self, prepared: CachedDocument, weight: int) -> None:
        prepared.weight += weight
        self.weight += weight
        self._shrink()

    def _shrink(self) -> None:
        for query in [*self._kept] if self.weight > self._most_bytes else ():
            self._drop(self._kept[query])
            if self.weight <= self._most_bytes:
                return

    def _drop(self, prepared: CachedDocument) -> None:
        self.weight -= prepared.weight
        for operation in prepared.operations:
            operation.plans.clear()
        if prepared.is_pinned:
            prepared.weight = 0
            return
        for operation in prepared.operations:
            operation.on_growth = None  # whoever still follows its events is not kept here
        del self._kept[prepared.query]
