"""Conditions whose column is only known when they are built."""

from typing import Any

from tortoise.expressions import Q


def matching(**columns: Any) -> Q:
    """All of these columns have these values. Names are ours, never a client's."""
    return Q(**columns)
