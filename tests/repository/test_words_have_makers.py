"""Every value of the schema's enums, and every scope, is made or checked by some code: none is an empty promise."""

import ast
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final

import pytest

from domain.caller import Scope
from schema import schema

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("domain", "provider", "services", "resolvers", "schema", "webhooks", "server", "database", "models")
# Declarations, descriptions and orderings, which use none of them.
DECLARED: Final = {"domain/states.py", "schema/enums.py"}
# Values of later versions; a value leaves this list when its code exists.
LATER: Final = {
    "OperationKind.APPROVE_REFUND",
    "OperationKind.CANCEL_REFUND",
    "OperationKind.SUBMIT_DISPUTE_EVIDENCE",
    "OperationKind.REDACT_CUSTOMER",
    "RefundStatus.AWAITING_APPROVAL",
    "ErrorCode.REFUND_LIMIT_EXCEEDED",
    "Scope.REFUNDS_APPROVE",
    "Scope.DISPUTES_WRITE",
}
LISTED: Final = {"Scope.REFUNDS_APPROVE"}  # listed among the staff's scopes, and used by no code yet


def _enums() -> dict[str, type[Enum]]:
    """Return the enums behind the schema's, and the scopes."""
    found = {
        kind.name: definition.wrapped_cls
        for kind in schema._schema.type_map.values()
        if (definition := kind.extensions.get("strawberry-definition")) is not None
        and isinstance(getattr(definition, "wrapped_cls", None), type)
        and issubclass(definition.wrapped_cls, Enum)
    }
    return found | {"Scope": Scope}


def _named() -> Iterator[str]:
    """Yield every `Enum.MEMBER` in code which is more than a declaration."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if path.relative_to(ROOT).as_posix() in DECLARED:
                continue
            tree = ast.parse(path.read_text())
            imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            names = {one.asname: one.name for node in imports for one in node.names if one.asname}
            names |= dict(_renamed(tree))
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    yield f"{names.get(node.value.id, node.value.id)}.{node.attr}"


def _renamed(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the aliases that a module makes, as in `Kind = DiscrepancyKind`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value.id


NAMED: Final = frozenset(_named())
DERIVED: Final = {  # made by the tables of domain/states.py, which tests/domain walk value by value
    "OrderPaymentStatus",
    "PaymentAction",
    # named by clients alone: their values are stored and sent on as they are
    "CancelReason",
    "CaptureMethod",
    "PaymentSort",
    "RefundReason",
    "SetupFutureUsage",
}


@pytest.mark.parametrize("name", sorted(set(_enums()) - DERIVED))
def test_every_word_is_made_somewhere(name: str) -> None:
    words = {f"{name}.{member}" for member in _enums()[name].__members__}

    assert words - NAMED - LATER == set()
    assert words & NAMED & LATER <= LISTED


def test_what_is_derived_or_comes_later_is_in_the_schema() -> None:
    enums = _enums()

    assert set(enums) >= DERIVED
    assert all(member in enums[name].__members__ for name, member in (word.split(".") for word in LATER))
