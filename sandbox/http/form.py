"""Stripe's form encoding: `created[gte]=1&expand[]=charge` into nested text, lists and dicts."""

import json
import re
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from sandbox.errors import invalid

Json = dict[str, Any]

MAX_FIELDS = 3000  # two hundred line items have more than a thousand
MAX_DEPTH = 8


def parse(text: str) -> Json:
    """Parse a body or a query string, every value as text. Raises StripeError for malformed input."""
    tree: Json = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise invalid("Invalid request: the parameters cannot be read.") from None
    for name, value in pairs:
        root, *rest = re.findall(r"^[^\[\]]+|\[[^\[\]]*\]", name) or [name]
        keys = [root, *(part[1:-1] for part in rest)]
        if len(keys) > MAX_DEPTH or not _put(tree, keys, value):
            raise invalid(f"Invalid request: the parameter {name[:80]} cannot be read.", param=name[:80])
    return {name: value if name == "metadata" else _lists(value) for name, value in tree.items()}


def digest(method: str, path: str, params: Json) -> str:
    """Digest a request for idempotency: its address and its parameters, whatever their order."""
    canonical = json.dumps(params, sort_keys=True, separators=(",", ":"))
    return sha256(f"{method} {path} {canonical}".encode()).hexdigest()


def _put(tree: Json, keys: list[str], value: str) -> bool:
    for key in keys[:-1]:
        below = tree.setdefault(key or str(len(tree)), {})
        if not isinstance(below, dict):
            return False
        tree = below
    last = keys[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        return False
    tree[last] = value
    return True


def _lists(value: Any) -> Any:
    """Turn `{"0": a, "1": b}` into a list; any other value stays."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return list(inner.values())
    return inner
