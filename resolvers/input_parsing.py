"""Commands from what clients give: checked, in one spelling, and under the caller's key."""

from collections.abc import Mapping
from typing import Any, TypeVar

from domain.caller import Caller
from domain.command_fields import Command, parse
from domain.errors import Path
from domain.idempotency import check_key
from resolvers.context import RequestContext
from services.money.operations.claims import IdempotentRequest

C = TypeVar("C", bound=Command)


def parse_command(
    context: RequestContext, command: type[C], input: Mapping[str, Any], *, prefix: Path = ("input",)
) -> C:
    """The command that an input asks for, by the names of the schema's input. Raises Refused and NotFound."""
    return parse(command, input, context.rules, prefix=prefix)


def idempotent_request(context: RequestContext, caller: Caller, command: Command, key: str) -> IdempotentRequest:
    """The claim on an idempotency key for this command. Raises Refused for a key that cannot be one."""
    return IdempotentRequest(
        caller=caller,
        kind=command.kind,
        key=check_key(key),
        fingerprint=command.fingerprint(),
        request_id=context.request_id,
    )
