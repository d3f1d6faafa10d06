"""What became of a key. Reading an operation never runs one."""

from domain.idempotency import check_key
from domain.states import OperationKind
from models import Operation
from resolvers.access import signed_in
from resolvers.context import Asking
from services.idempotency import find_operation


async def operation(asking: Asking, *, key: str, kind: OperationKind) -> Operation | None:
    """The caller's own operation under this key; somebody else's key does not exist."""
    return await find_operation(signed_in(asking), kind, check_key(key, path=("key",)))
