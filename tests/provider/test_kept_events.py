"""The stored part of an event is equal in both ways: all texts in one scan, or each by itself."""

import json
import math
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.cards import contains_card_number
from domain.sensitive import REMOVED, is_harmless, without_secrets
from provider import EventRefused, StripeEvent
from provider.events import FORGOTTEN, MOST_NESTED, _parsed
from tests.provider.test_events import RAW, event, header, verify
from tests.support.planted_secrets import KINDS

ODD = [
    "\0",
    "client\0_secret",
    "\ud800",
    "\\",
    '"',
    "/",
    "\x7f",
    "é",
    "\u200b",
    "４２４２",
    "_live_",
    "@",
    "eyJ",
    "://",
]
PLANTED = st.builds(lambda make, number: make(number), st.sampled_from(list(KINDS.values())), st.integers(0, 999_999))
DIGITS = st.text("0123456789-. _/a", max_size=40)
IDS = st.uuids().map(str) | st.uuids().map(lambda one: one.hex) | st.text("0123456789", min_size=32, max_size=32)
TEXTS = PLANTED | DIGITS | IDS | st.sampled_from(ODD) | st.text(st.characters(exclude_categories=()), max_size=12)
NAMES = st.sampled_from(sorted(FORGOTTEN)) | TEXTS | st.builds("{}{}".format, TEXTS, TEXTS)
NUMBERS = (
    st.integers()
    | st.integers(2**62, 2**66)
    | st.integers(-(2**66), -(2**62))
    | st.integers(0, 999_999).map(lambda number: int(KINDS["card"](number)))
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.builds("{}{}{}".format, TEXTS, TEXTS, TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
WRITTEN = st.sampled_from([{"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}])


def one_by_one(value: Any) -> Any:
    """Compute the stored part in the plainest way."""
    match value:
        case dict():
            cleaned = ((one_by_one(name), item) for name, item in value.items())
            return {name: one_by_one(item) for name, item in cleaned if name not in FORGOTTEN}
        case list():
            return [one_by_one(item) for item in value]
        case str():
            return without_secrets(value.replace("\0", "").encode("utf-8", "replace").decode())
        case bool():
            return value
        case int() | float():
            return REMOVED if contains_card_number(str(value)) else value
    return value


def written(value: Any, how: dict[str, Any]) -> bytes:
    text = json.dumps(value, **how)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate can only be escaped
        return json.dumps(value).encode()


def received(raw: bytes) -> StripeEvent | None:
    try:
        return verify(raw, header(raw))
    except EventRefused:
        return None


def holds_a_long_integer(value: Any) -> bool:
    match value:
        case dict():
            return any(map(holds_a_long_integer, value.values()))
        case list():
            return any(map(holds_a_long_integer, value))
        case int():
            return not -(2**63) <= value < 2**63
    return False


@settings(max_examples=500)
@given(extra=VALUES, thing=st.dictionaries(NAMES, VALUES, max_size=4), how=WRITTEN)
@example(extra=int(KINDS["card"](1)), thing={}, how={})
@example(extra=float(KINDS["card"](1)), thing={}, how={})
@example(extra={"client\0_secret": "x", "shipping": {"more": 2**70}}, thing={}, how={})
def test_what_is_kept_is_the_same_as_when_each_text_is_looked_at(
    extra: Any, thing: dict[str, Any], how: dict[str, Any]
) -> None:
    given_event = event(extra=extra, data={"object": thing | {"object": "charge"}})

    read = received(written(given_event, how))

    if holds_a_long_integer(given_event):
        assert read is None
    else:
        assert read is not None
        assert read.payload == one_by_one(given_event)
        assert json.loads(read.text) == read.payload


@given(values=st.lists(VALUES, max_size=3), how=WRITTEN)
def test_what_one_look_finds_harmless_is_harmless_by_itself(values: list[Any], how: dict[str, Any]) -> None:
    if is_harmless(written(values, how)):
        assert without_whole_members(one_by_one(values)) == without_whole_members(values)


def without_whole_members(value: Any) -> Any:
    match value:
        case dict():
            return {name: without_whole_members(item) for name, item in value.items() if name not in FORGOTTEN}
        case list():
            return [without_whole_members(item) for item in value]
    return value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["text", "inside a text", "name", "deep"])
def test_no_look_at_the_whole_misses_a_secret(kind: str, place: str) -> None:
    secret = KINDS[kind](7)
    planted: Any = {"text": secret, "inside a text": f"x {secret} y", "name": {secret: 1}, "deep": [[{"a": [secret]}]]}

    assert not is_harmless(json.dumps(planted[place], ensure_ascii=False).encode())
    read = received(json.dumps(event(extra=planted[place])).encode())
    assert read is not None
    assert secret not in read.text
    assert secret not in json.dumps(read.payload, ensure_ascii=False)


def test_what_stripe_usually_sends_needs_no_second_look() -> None:
    read = received(RAW)

    assert read is not None
    assert is_harmless(read.text.encode())


@given(ids=st.lists(st.uuids(), max_size=5))
def test_ids_need_no_second_look(ids: list[UUID]) -> None:
    assert is_harmless(json.dumps({"event": f"evt_{UUID(int=7).hex}", "ids": [str(one) for one in ids]}).encode())


def test_a_card_number_that_is_a_number_is_removed_too() -> None:
    read = received(json.dumps(event(extra=[4242424242424242, 4242424242424242.0, 12345678901234567])).encode())

    assert read is not None
    assert read.payload["extra"] == [REMOVED, REMOVED, 12345678901234567]


@pytest.mark.parametrize("name", ["more", "shipping"])
@pytest.mark.parametrize("inner", ["[", '{"a":'])
def test_what_nests_too_deeply_to_be_written_back_is_refused(name: str, inner: str) -> None:
    def nested(depth: int) -> bytes:
        value = inner * depth + "1" + ("]" if inner == "[" else "}") * depth
        return json.dumps(event()).replace('"event"', f'"event", "{name}": {value}', 1).encode()

    assert received(nested(MOST_NESTED)) is not None
    assert [received(nested(depth)) for depth in (MOST_NESTED + 1, 300, 1_000, 2_000)] == [None] * 4


# -- the two readers of JSON -------------------------------------------------------------------------------------------


def by_the_standard_library(raw: bytes) -> Any:
    """Parse the body, or report that it is refused."""

    def refuse(_: str) -> Any:
        raise ValueError

    def finite(text: str) -> float:
        return number if math.isfinite(number := float(text)) else refuse(text)

    def short(text: str) -> int:
        return number if -(2**63) <= (number := int(text)) < 2**63 else refuse(text)

    try:
        return json.loads(raw.decode(), parse_constant=refuse, parse_float=finite, parse_int=short)
    except (ValueError, RecursionError):
        return ValueError


def by_ours(raw: bytes) -> Any:
    try:
        return _parsed(raw)
    except (ValueError, RecursionError):
        return ValueError


def same(one: Any, other: Any) -> bool:
    """Return True for equal values of equal types, zeros of equal sign, members in equal order."""
    return repr(one) == repr(other)


CHARACTERS = '{}[],:"\\ \n\t0123456789-+.eEuxn\ufeff\x00\x0cé'
WORDS = ['"a":', "null", "true", "NaN", "Infinity", "1e400", "1e-400", "-0", "-0.0", "9223372036854775808"]
ESCAPES = ["\\ud800", "\\u0000", "\\udc00\\ud800", '{"a":1,"a":2}']
PIECES = st.sampled_from([*CHARACTERS, *WORDS, *ESCAPES])


@settings(max_examples=1_000)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_read_as_by_the_standard_library(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")

    assert same(by_ours(raw), by_the_standard_library(raw))


@settings(max_examples=500)
@given(value=VALUES, how=WRITTEN)
def test_any_json_is_read_as_by_the_standard_library(value: Any, how: dict[str, Any]) -> None:
    raw = written(value, how)

    assert same(by_ours(raw), by_the_standard_library(raw))


@given(raw=st.binary(max_size=20))
def test_any_bytes_are_read_as_by_the_standard_library(raw: bytes) -> None:
    assert same(by_ours(raw), by_the_standard_library(raw))


@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False, allow_infinity=False))
def test_any_number_is_read_as_by_the_standard_library(number: object) -> None:
    raw = str(number).encode()

    assert same(by_ours(raw), by_the_standard_library(raw))


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**18, 10**400])
def test_an_integer_beyond_64_bits_is_refused_and_never_rounded(number: int) -> None:
    raw = b'{"a": %d}' % number

    assert by_ours(raw) == ({"a": number} if -(2**63) <= number < 2**63 else ValueError)
