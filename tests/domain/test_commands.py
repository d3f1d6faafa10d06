"""Commands: every parsed field is fingerprinted, and a new field cannot be forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, make_dataclass
from types import SimpleNamespace
from typing import Any, Final

import pytest

from domain import commands
from domain.command_fields import Command, Rules, parse, parsed, unchanged
from domain.commands import (
    CancelPayment,
    CapturePayment,
    ConfirmPayment,
    CreateOffSessionPayment,
    CreatePayment,
    CreateSetupIntent,
    DetachPaymentMethod,
    RefundPayment,
    RegisterOrder,
    SetDefaultPaymentMethod,
)
from domain.errors import NotFound, Refused
from domain.ids import Kind, encode, new_id
from domain.states import RefundReason, SetupFutureUsage

RULES: Final = Rules(currencies=frozenset({"USD"}))
ORDER, PAYMENT = encode(Kind.ORDER, new_id()), encode(Kind.PAYMENT, new_id())
METHOD: Final = encode(Kind.METHOD, new_id())
MONEY: Final = SimpleNamespace(amount=1_000, currency="usd")
INPUTS: Final[Mapping[type[Command], dict[str, Any]]] = {
    RegisterOrder: {
        "external_id": "order-1",
        "total": MONEY,
        "customer_external_id": None,
        "customer_email": None,
        "description": None,
        "metadata": None,
    },
    CreatePayment: {
        "order_id": ORDER,
        "expected_amount": MONEY,
        "capture_method": None,
        "payment_method_id": "pm_card_visa",
        "confirm": True,
        "setup_future_usage": None,
        "return_url": None,
        "metadata": {"cart": "7"},
    },
    CreateOffSessionPayment: {"order_id": ORDER, "expected_amount": MONEY, "metadata": {"invoice": "7"}},
    ConfirmPayment: {"payment_id": PAYMENT, "payment_method_id": "pm_card_visa", "return_url": None},
    CapturePayment: {"payment_id": PAYMENT, "amount": None, "final_capture": True},
    CancelPayment: {"payment_id": PAYMENT, "reason": None},
    RefundPayment: {
        "payment_id": PAYMENT,
        "amount": MONEY,
        "reason": RefundReason.OTHER,
        "note": None,
        "metadata": None,
    },
    SetDefaultPaymentMethod: {"id": METHOD},
    CreateSetupIntent: {"customer_id": None, "usage": SetupFutureUsage.OFF_SESSION},
    DetachPaymentMethod: {"id": METHOD},
}
COMMANDS: Final = list(INPUTS)


def test_every_command_is_here_and_is_an_operation_of_its_own() -> None:
    every = [one for one in vars(commands).values() if isinstance(one, type) and issubclass(one, Command)]

    assert {*every} - {Command} == {*COMMANDS}
    assert len({command.kind for command in COMMANDS}) == len(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_field_that_is_added_changes_the_fingerprint(command: type[Command]) -> None:
    """Nothing else is edited for a new field. An older key stays the same request while the field is left out."""
    added = parsed(unchanged, default=None, added_later=True)
    more: type[Command] = make_dataclass(
        f"More{command.__name__}", [("noted", str | None, added)], bases=(command,), frozen=True, kw_only=True
    )
    before = parse(command, INPUTS[command], RULES).fingerprint()

    left_out = parse(more, INPUTS[command], RULES).fingerprint()
    given = parse(more, {**INPUTS[command], "noted": "something"}, RULES).fingerprint()
    otherwise = parse(more, {**INPUTS[command], "noted": "something else"}, RULES).fingerprint()

    assert left_out == before
    assert len({before.digest, given.digest, otherwise.digest}) == 3
    assert given.leaves.keys() - before.leaves.keys() == {"noted"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_command_says_of_every_field_how_it_is_parsed(command: type[Command]) -> None:
    """A field without a parser would accept a client's value unchecked."""
    assert [field.name for field in fields(command) if "spec" not in field.metadata] == []


def test_names_in_refusals_are_the_schemas() -> None:
    with pytest.raises(Refused) as refused:
        parse(RefundPayment, {**INPUTS[RefundPayment], "amount": SimpleNamespace(amount=0, currency="USD")}, RULES)
    with pytest.raises(NotFound) as missing:
        parse(ConfirmPayment, {**INPUTS[ConfirmPayment], "payment_id": ORDER}, RULES, prefix=())

    assert refused.value.path == ("input", "amount", "amount")
    assert missing.value.path == ("paymentId",)


def test_an_id_is_never_fingerprinted_without_its_kind() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Careless(Command):
        row: Any = parsed(unchanged)

    with pytest.raises(TypeError, match="an id without its kind"):
        Careless(row=new_id()).fingerprint()
