"""Customers, the payment methods that they keep, and the setups by which they keep one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from database.statements import read_one
from domain.caller import Scope
from domain.commands import CreateSetupIntent, DetachPaymentMethod, SetDefaultPaymentMethod
from domain.errors import DomainError, ErrorCode, NotFound, Path, Refused
from domain.ids import Kind, row_id
from domain.states import CustomerSessionComponent
from domain.text import check_external_id
from models import Customer, SavedPaymentMethod, SetupIntent
from resolvers.access import AuthenticationRequired, may_pay, own_customer_id, payment_authority, require, signed_in
from resolvers.context import RequestContext
from resolvers.input_parsing import idempotent_request, parse_command
from resolvers.mutation_result import Result, answer
from resolvers.visibility import lookup
from services.audit.trail import Cause
from services.money import customers, setups
from services.money.customer_sessions import open_customer_session
from services.money.operations.runner import OperationOutcome

C = TypeVar("C", SetDefaultPaymentMethod, DetachPaymentMethod)


async def customer(context: RequestContext, *, id: str | None, external_id: str | None) -> Customer | None:
    """One customer by our id or by the shop's, for the staff or for themselves. Raises Refused unless one is given."""
    sees = await lookup(context)
    if (id is None) == (external_id is None):
        raise Refused(ErrorCode.VALIDATION_FAILED, "Give either `id` or `externalId`.", ("id",))
    if external_id is not None:
        checked = check_external_id(external_id, path=("externalId",))
        row = await context.loaders.customer_by_external_id.load(checked)
    else:
        customer_id = row_id(id or "", Kind.CUSTOMER)
        row = await context.loaders.customer.load(customer_id) if customer_id is not None else None
    return row if row is not None and sees.includes_customer(row.id) else None


async def customer_of_method(context: RequestContext, method: SavedPaymentMethod) -> Customer:
    """Return the customer who keeps a method that the caller sees."""
    row = await context.loaders.customer.load(method.customer_id)
    assert row is not None, "a saved method of nobody"
    return row


async def is_default(context: RequestContext, method: SavedPaymentMethod) -> bool:
    """Return True for the method that is used where none is named."""
    return (await customer_of_method(context, method)).default_method_id == method.id


async def default_method(context: RequestContext, row: Customer) -> SavedPaymentMethod | None:
    """Return the method that is used where none is named, or None."""
    method_id = row.default_method_id
    return await context.loaders.saved_method.load(method_id) if method_id is not None else None


async def set_default_method(context: RequestContext, *, id: str, key: str) -> Result:
    """Make a saved method the default one, for its customer or a service."""
    return await _change_method(context, SetDefaultPaymentMethod, customers.set_default_method, id, key)


async def detach_method(context: RequestContext, *, id: str, key: str) -> Result:
    """Forget a saved method, for its customer or a service."""
    return await _change_method(context, DetachPaymentMethod, customers.detach_method, id, key)


async def _change_method(
    context: RequestContext, kind: type[C], change: Callable[..., Awaitable[OperationOutcome]], id: str, key: str
) -> Result:
    async def act() -> OperationOutcome:
        await _check_method(context, row_id(id, Kind.METHOD))
        command = parse_command(context, kind, {"id": id}, prefix=())
        request = idempotent_request(context, signed_in(context), command, key)
        return await change(request, command, authority=await payment_authority(context), runner=context.runner)

    return await answer(context, act)


async def _check_method(context: RequestContext, method_id: UUID | None) -> None:
    """Refuse a missing method or a foreign one. Raises AuthenticationRequired, Forbidden, NotFound."""
    require(context, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    method = await read_one(SavedPaymentMethod, "WHERE id = $1", method_id)
    if method is None or not await may_pay(context, method.customer_id):
        raise NotFound(("id",))


async def create_setup_intent(context: RequestContext, *, input: Mapping[str, Any], key: str) -> Result:
    """Prepare that a customer keeps a method without paying: themselves, or whom a service names."""

    async def act() -> OperationOutcome:
        owner_id = await _who(context, input["customer_id"], path=("input", "customerId"))
        command = parse_command(context, CreateSetupIntent, input)
        request = idempotent_request(context, signed_in(context), command, key)
        return await setups.create_setup_intent(
            request,
            command,
            customer_id=owner_id,
            method_types=context.rules.method_types,
            runner=context.runner,
        )

    return await answer(context, act)


async def customer_of_setup(context: RequestContext, setup: SetupIntent) -> Customer:
    """Return the customer of a setup that the caller sees."""
    row = await context.loaders.customer.load(setup.customer_id)
    assert row is not None, "a setup of nobody"
    return row


async def method_of_setup(context: RequestContext, setup: SetupIntent) -> SavedPaymentMethod | None:
    """Return the saved method that came of a setup, or None."""
    return await context.loaders.saved_method.load(setup.method_id) if setup.method_id is not None else None


@dataclass(frozen=True, slots=True)
class SessionResult:
    """A session that was just opened, or the error. The secret is known to this answer alone."""

    customer: Customer | None = None
    expires_at: datetime | None = None
    error: DomainError | None = None
    client_secret: str | None = field(default=None, repr=False)


async def create_session(
    context: RequestContext, *, components: Sequence[CustomerSessionComponent], customer_id: str | None
) -> SessionResult:
    """Open a session of a customer, for themselves or a service. Moves no money and takes no key."""
    try:
        owner_id = await _who(context, customer_id, path=("customerId",))
        if not components:
            raise Refused(ErrorCode.VALIDATION_FAILED, "Name at least one component.", ("components",))
        cause = Cause(actor=signed_in(context).actor, request_id=context.request_id)
        row, session = await open_customer_session(owner_id, components, cause=cause, runner=context.runner)
    except AuthenticationRequired:
        raise
    except DomainError as refusal:
        return SessionResult(error=refusal)
    return SessionResult(row, session.expires_at, client_secret=session.client_secret)


async def _who(context: RequestContext, customer_id: str | None, *, path: Path) -> UUID:
    """Return the customer for whom the caller acts: themselves, or whom a service names.

    Raises AuthenticationRequired, Forbidden, Refused(VALIDATION_FAILED) for a service that names nobody, and NotFound
    for a missing or a foreign one, and for a buyer whom no order has named yet.
    """
    caller = require(context, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    own_id = await own_customer_id(context)
    if customer_id is None:
        if own_id is None and caller.can(Scope.PAYMENTS_WRITE):
            raise Refused(ErrorCode.VALIDATION_FAILED, "Name the customer: you are a service.", path)
        if own_id is None:
            raise NotFound(path)
        return own_id
    named = await read_one(Customer, "WHERE id = $1", row_id(customer_id, Kind.CUSTOMER))
    if named is None or not await may_pay(context, named.id):
        raise NotFound(path)
    return named.id
