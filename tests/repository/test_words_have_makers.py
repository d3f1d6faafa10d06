"""Every word of the schema's enums, and every scope, is made or asked for by some code: none is an empty promise."""

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
# Where words are declared, described and ordered, which makes none of them.
DECLARED: Final = {"domain/states.py", "schema/enums.py"}
# What comes with later versions; a word leaves this list when its code is there.
LATER: Final = {
    "OperationKind.CREATE_OFF_SESSION_PAYMENT",
    "OperationKind.APPROVE_REFUND",
    "OperationKind.CANCEL_REFUND",
    "OperationKind.CREATE_SETUP_INTENT",
    "OperationKind.DETACH_PAYMENT_METHOD",
    "OperationKind.SUBMIT_DISPUTE_EVIDENCE",
    "OperationKind.REDACT_CUSTOMER",
    "RefundStatus.AWAITING_APPROVAL",
    "ErrorCode.REFUND_LIMIT_EXCEEDED",
    "Scope.REFUNDS_APPROVE",
    "Scope.DISPUTES_WRITE",
}
LISTED: Final = {"Scope.REFUNDS_APPROVE"}  # stands among the staff's scopes, and opens nothing yet


def _enums() -> dict[str, type[Enum]]:
    """The enums behind the schema's, and the scopes."""
    found = {
        kind.name: definition.wrapped_cls
        for kind in schema._schema.type_map.values()
        if (definition := kind.extensions.get("strawberry-definition")) is not None
        and isinstance(getattr(definition, "wrapped_cls", None), type)
        and issubclass(definition.wrapped_cls, Enum)
    }
    return found | {"Scope": Scope}


def _named() -> Iterator[str]:
    """Every `Enum.MEMBER` that stands in code which is more than a declaration."""
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
    """Names that a module gives to other names, as in `Kind = DiscrepancyKind`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value.id


NAMED: Final = frozenset(_named())
DERIVED: Final = {  # made by the tables of domain/states.py, which tests/domain walk value by value
    "OrderPaymentStatus",
    "PaymentAction",
    # named by clients alone: what they say is kept and sent on as it is
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
