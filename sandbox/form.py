"""Stripe's form encoding: `created[gte]=1&expand[]=charge` into nested data."""

import re
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

NUMBERS = frozenset({"amount", "amount_to_capture", "limit", "gt", "gte", "lt", "lte"})
BOOLEANS = {"true": True, "false": False}


def parse(text: str) -> Json:
    """The parameters of a body or a query string. Metadata stays text; amounts and flags get their types."""
    result: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        keys = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        _put(result, keys, value)
    return result


def _put(target: Json, keys: list[str], value: str) -> None:
    for place, key in enumerate(keys[:-1]):
        after = keys[place + 1]
        if after == "" or (after.isdigit() and keys[0] != "metadata"):
            target.setdefault(key, []).append(value)
            return
        target = target.setdefault(key, {})
    target[keys[-1]] = _typed(keys, value)


def _typed(keys: list[str], value: str) -> Any:
    if keys[0] == "metadata":
        return value
    if value in BOOLEANS:
        return BOOLEANS[value]
    if keys[-1] in NUMBERS or keys == ["created"]:
        return int(value) if re.fullmatch(r"-?\d{1,15}", value) else value
    return value
