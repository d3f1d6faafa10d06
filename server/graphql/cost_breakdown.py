"""The breakdown of a document's cost, for a developer who has to make it smaller."""

from collections.abc import Iterator
from typing import Final

from server.graphql.query_cost import Meter, Share

NAMED: Final = 3  # of the root fields, the most expensive


def where_it_comes_from(meter: Meter) -> str:
    """Name the most expensive root fields with their cost, and the path that causes most of it.

    For example "payments 1300, of which payments.nodes.timeline 1000".
    """
    meter.measure()  # measures each fragment before the fragments that spread it
    list_size = meter.limits.list_size
    root = meter.schema.get_root_type(meter.operation.operation)
    shares = sorted(
        ((share.cost.at(list_size), share) for share in meter.shares(meter.operation.selection_set, root)),
        key=lambda found: -found[0],
    )
    shown = [f"{_name(share)} {cost}" for cost, share in shares[:NAMED]]
    cost, dearest = shares[0]
    deepest = [(path, part) for path, part in _downwards(meter, dearest) if 2 * part >= cost]
    if deepest:
        path, part = deepest[-1]
        shown[0] += f", of which {path} {part}"
    return "; ".join(shown)


def _downwards(meter: Meter, share: Share) -> Iterator[tuple[str, int]]:
    """Walk from a root field down, always along the most expensive field: each path with its cost."""
    path, times, above = _name(share), 1, meter.limits.list_size
    for _ in range(meter.limits.depth):  # of a valid document; before validation its fragments may form a cycle
        if share.node.selection_set is None:
            return
        if share.is_list:
            times, inside = times * (above if share.size is None else share.size), meter.limits.list_size
        else:
            inside = meter.limits.list_size if share.size is None else share.size
        below = list(meter.shares(share.node.selection_set, share.named))
        if not below:
            return
        share = max(below, key=lambda one: one.cost.at(inside))
        path, above = f"{path}.{_name(share)}", inside
        yield path, times * share.cost.at(inside)


def _name(share: Share) -> str:
    """Return the field's response name."""
    return (share.node.alias or share.node.name).value
