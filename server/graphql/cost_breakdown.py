"""Where the cost of a document comes from, for whoever has to make it smaller."""

from collections.abc import Iterator
from typing import Final

from server.graphql.query_cost import Meter, Share

NAMED: Final = 3  # of the fields of the root, the dearest


def where_it_comes_from(meter: Meter) -> str:
    """The dearest fields of the root with their cost, and how deep most of it is: "payments 1300, of which
    payments.nodes.timeline 1000"."""
    meter.measure()  # of the fragments, before anything that spreads them
    list_size = meter.limits.list_size
    root = meter.schema.get_root_type(meter.operation.operation)
    shares = sorted(
        ((share.cost.at(list_size), share) for share in meter.shares(meter.operation.selection_set, root)),
        key=lambda found: -found[0],
    )
    said = [f"{_name(share)} {cost}" for cost, share in shares[:NAMED]]
    cost, dearest = shares[0]
    deepest = [(path, part) for path, part in _downwards(meter, dearest) if 2 * part >= cost]
    if deepest:
        path, part = deepest[-1]
        said[0] += f", of which {path} {part}"
    return "; ".join(said)


def _downwards(meter: Meter, share: Share) -> Iterator[tuple[str, int]]:
    """From a field of the root down, always by the dearest field: its path, and all that it costs."""
    path, times, above = _name(share), 1, meter.limits.list_size
    for _ in range(meter.limits.depth):  # of a valid document; before validation its fragments may go round
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
    """The name under which the field stands in the answer."""
    return (share.node.alias or share.node.name).value
