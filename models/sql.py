"""The few statements that a queryset cannot say, on the connection of the running transaction if there is one."""

from collections.abc import Sequence
from typing import Any

from tortoise import connections


async def rows(statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Run one SQL statement and give its rows, `RETURNING` included."""
    found: Sequence[dict[str, Any]] = await connections.get("default").execute_query_dict(statement, list(values))
    return list(found)
