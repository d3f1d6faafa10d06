"""`/search`: Stripe's query language, as far as it is documented. Source: docs.stripe.com/search.

Clauses joined by AND or by OR, never by both; `-` in front negates; `:` equals, `~` contains, `<`, `>`, `<=`, `>=`
compare numbers. By a setting, the index is a minute behind, as Stripe's may be.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.errors import invalid
from sandbox.store import Store

Json = dict[str, Any]

NUMBERS, TOKENS, STRINGS = "number", "token", "string"
CARD = "payment_method_details.card"
FIELDS: Mapping[str, Mapping[str, str]] = {
    "payment_intent": {
        "amount": NUMBERS,
        "created": NUMBERS,
        "currency": TOKENS,
        "customer": TOKENS,
        "status": TOKENS,
    },
    "charge": {
        "amount": NUMBERS,
        "billing_details.address.postal_code": TOKENS,
        "created": NUMBERS,
        "currency": TOKENS,
        "customer": TOKENS,
        "disputed": TOKENS,
        f"{CARD}.brand": TOKENS,
        f"{CARD}.exp_month": TOKENS,
        f"{CARD}.exp_year": TOKENS,
        f"{CARD}.fingerprint": TOKENS,
        f"{CARD}.last4": TOKENS,
        "payment_method_details.sepa_debit.last4": TOKENS,
        "payment_method_details.us_bank_account.last4": TOKENS,
        "refunded": TOKENS,
        "status": TOKENS,
    },
    "customer": {"created": NUMBERS, "email": STRINGS, "name": STRINGS, "phone": STRINGS},
}
CLAUSE = re.compile(
    r"""\s*(?P<no>-?)(?:(?P<field>[a-z0-9_.]+)|metadata\[(?P<quote>['"])(?P<key>[^'"]{1,40})(?P=quote)\])"""
    r"""\s*(?P<sign>:|~|<=|>=|<|>)\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>-?\d+|null|true|false))""",
    re.ASCII,
)
JOINED = re.compile(r"\s+(AND|OR)\s+|\s+", re.ASCII)
MOST_CLAUSES = 10
LATE_SECONDS = 60


def search(store: Store, kind: str, url: str, params: Json) -> Json:
    """Return one page of the results of a query, newest first."""
    clauses, values = _read(kind, params["query"])
    limit = params.get("limit", 10)
    after = _after(params.get("page"))
    indexed = store.now() - (LATE_SECONDS if store.setting("search_index", "current") == "late" else 0)
    found = store.rows(
        "SELECT seq, json FROM object WHERE kind = ? AND (? IS NULL OR seq < ?) AND created <= ?"  # noqa: S608 - our own words
        f" AND ({clauses}) ORDER BY seq DESC LIMIT ?",
        *(kind, after, after, indexed, *values, limit + 1),
    )
    more = len(found) > limit
    return {
        "object": "search_result",
        "data": [json.loads(row[1]) for row in found[:limit]],
        "has_more": more,
        "next_page": f"page_{found[limit - 1][0]}" if more else None,
        "url": url,
    }


def _after(page: str | None) -> int | None:
    if page is None:
        return None
    if not re.fullmatch(r"page_\d{1,15}", page, re.ASCII):
        raise invalid("Invalid page: pass the `next_page` of the answer before.", param="page")
    return int(page.removeprefix("page_"))


def _read(kind: str, query: str) -> tuple[str, list[Any]]:
    parts, values, joints, place = list[str](), list[Any](), set[str](), 0
    while place < len(query):
        match = CLAUSE.match(query, place)
        if match is None or len(parts) == MOST_CLAUSES:
            raise _malformed(query[place:])
        part, more = _clause(kind, match)
        parts.append(part)
        values += more
        place = match.end()
        joint = JOINED.match(query, place)
        if query[place:].strip() == "":
            break
        if joint is None:
            raise _malformed(query[place:])
        joints.add(joint[1] or "AND")
        place = joint.end()
    if not parts or len(joints) > 1:
        raise invalid("We were unable to parse your search query: join by AND or by OR, not by both.", param="query")
    return f" {joints.pop() if joints else 'AND'} ".join(parts), values


def _clause(kind: str, match: re.Match[str]) -> tuple[str, list[Any]]:
    field, sign = match["field"], match["sign"]
    if field is None:
        path, sort = f'$.metadata."{match["key"]}"', STRINGS
    elif field in FIELDS[kind]:
        path, sort = f"$.{field}", FIELDS[kind][field]
    else:
        raise invalid(f"Field `{field}` is an unsupported search field for resource `{kind}s`.", param="query")
    value: Any = match["word"] if match["text"] is None else re.sub(r"\\(.)", r"\1", match["text"][1:-1])
    if (sign == "~" and sort != STRINGS) or (sign in "<>=" and sort != NUMBERS):
        raise invalid(f"`{sign}` cannot be used with this field.", param="query")
    if sort == NUMBERS:
        if not re.fullmatch(r"-?\d{1,15}", str(value), re.ASCII):
            raise invalid(f"`{field}` is compared with a number.", param="query")
        value = int(value)
    return _sql(path, sign, value, no=bool(match["no"]))


def _sql(path: str, sign: str, value: Any, *, no: bool) -> tuple[str, list[Any]]:
    negated = "NOT " if no else ""
    shown = "json_extract(json, ?)"
    if value == "null":
        return f"{negated}({shown} IS NULL)", [path]
    if isinstance(value, int):
        return f"{negated}coalesce({shown} {'=' if sign == ':' else sign} ?, 0)", [path, value]
    if sign == "~":
        return f"{negated}coalesce(instr(lower({shown}), lower(?)) > 0, 0)", [path, value]
    value = {"true": "1", "false": "0"}.get(value, value)
    return f"{negated}coalesce(lower(CAST({shown} AS TEXT)) = lower(?), 0)", [path, value]


def _malformed(rest: str) -> Exception:
    return invalid(f"We were unable to parse your search query at: {rest[:40]!r}.", param="query")
