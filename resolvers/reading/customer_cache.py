"""The customer of each buyer, looked up once and kept: a buyer's customer never changes and is never removed."""

from collections import OrderedDict
from typing import Final
from uuid import UUID

REMEMBERED: Final = 50_000  # buyers, about 10 MB; the one who was here longest ago is forgotten


class OwnCustomers:
    """The customers of the buyers that this process has seen, by the subject of their tokens."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, UUID] = OrderedDict()

    def find(self, subject: str) -> UUID | None:
        """The customer's id, or None for somebody who has to be looked up."""
        known = self._known.get(subject)
        if known is not None:
            self._known.move_to_end(subject)
        return known

    def keep(self, subject: str, customer_id: UUID) -> None:
        self._known[subject] = customer_id
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
