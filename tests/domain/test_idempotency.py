"""One meaning has one fingerprint, and a key is taken as it is or not at all."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ErrorCode, Refused
from domain.idempotency import check_key, fingerprint, mismatched_paths

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet="aé\u0301e\u00e9 .{}", max_size=5)
names = st.text(alphabet="abcde", min_size=1, max_size=3)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
inputs = st.dictionaries(names, values, max_size=5)


def shuffled(value: Any, data: st.DataObject) -> Any:
    if isinstance(value, dict):
        return {name: shuffled(value[name], data) for name in data.draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(item, data) for item in value]
    return value


@pytest.mark.parametrize("key", ["k", "!~", "a" * 255, "018f4e2a-7f6e-7c3a-9d1e-2b3c4d5e6f70", "order:17/pay#1"])
def test_a_key_is_kept_as_it_came(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a" * 256,
        "a" * 300,
        " key",
        "key ",
        "a b",
        "a\tb",
        "key\n",
        "a\0b",
        "a\x7fb",
        "🔑",
        "clé",
        "\u200bkey",
        "ｋey",
        "\ud800",
    ],
)
def test_a_key_that_is_none_is_refused_and_never_trimmed(key: str) -> None:
    """Scenario 6."""
    with pytest.raises(Refused) as caught:
        check_key(key)

    assert (caught.value.code, caught.value.path) == (ErrorCode.VALIDATION_FAILED, ("idempotencyKey",))
    assert len(key) < 2 or key not in str(caught.value.to_record())


@pytest.mark.parametrize(
    "key", ["4242424242424242", "4242-4242-4242-4242", "pay-378282246310005", "k_4242424242424242"]
)
def test_a_key_that_looks_like_a_card_is_refused_without_echo(key: str) -> None:
    """Scenarios 6 and 46."""
    with pytest.raises(Refused) as caught:
        check_key(key)

    assert caught.value.code is ErrorCode.SENSITIVE_DATA_REFUSED
    assert not re.search(r"\d{4}", str(caught.value.to_record()))


@given(st.uuids())
def test_every_uuid_is_a_key(value: object) -> None:
    assert check_key(str(value)) == str(value)


@given(inputs, st.data())
def test_the_order_of_keys_does_not_matter(input: dict[str, Any], data: st.DataObject) -> None:
    """Scenario 5."""
    assert fingerprint(shuffled(input, data)) == fingerprint(input)


def test_the_form_of_unicode_does_not_matter() -> None:
    """Scenario 5."""
    assert fingerprint({"note": "caf\u00e9", "\u00e9": [1]}) == fingerprint({"note": "cafe\u0301", "e\u0301": [1]})


@given(inputs)
def test_a_fingerprint_is_the_same_in_every_process(input: dict[str, Any]) -> None:
    assert fingerprint(json.loads(json.dumps(input))) == fingerprint(input)


def test_a_fingerprint_never_changes_between_releases() -> None:
    """Stored ones are compared with new ones: a change of the canonical form would refuse every replay."""
    given_before = fingerprint({"orderId": "order_1", "expectedAmount": {"amount": 1099, "currency": "USD"}})

    assert given_before.digest == "bb78e27d61242475c9f4e37e61b9868bab7a929eb46b7cee06c43aa62f34b8a2"
    assert sorted(given_before.leaves) == ["expectedAmount.amount", "expectedAmount.currency", "orderId"]
    assert given_before.leaves["expectedAmount.amount"] == "330e14d4ae806123"


@pytest.mark.parametrize(
    ("one", "other", "paths"),
    [
        ({"a": 1}, {"a": 2}, ("a",)),
        ({"a": 1}, {"a": "1"}, ("a",)),
        ({"a": 1}, {"a": True}, ("a",)),
        ({"a": 0}, {"a": False}, ("a",)),
        ({"a": None}, {}, ("a",)),
        ({"a": ""}, {"a": None}, ("a",)),
        ({"a": {}}, {"a": []}, ("a",)),
        ({"a": [1, 2]}, {"a": [2, 1]}, ("a",)),
        ({"a": "x"}, {"a": "x "}, ("a",)),
        ({"a": "USD"}, {"a": "usd"}, ("a",)),  # the caller writes it in one way
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "d": 1}}, ("a.b", "a.c", "a.d")),
    ],
)
def test_another_meaning_is_told_by_its_paths(
    one: dict[str, Any], other: dict[str, Any], paths: tuple[str, ...]
) -> None:
    """Scenario 3."""
    first, second = fingerprint(one), fingerprint(other)

    assert first.digest != second.digest
    assert mismatched_paths(first.leaves, second.leaves) == paths
    assert mismatched_paths(second.leaves, first.leaves) == paths


@given(inputs, inputs)
def test_digests_agree_exactly_when_no_path_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = fingerprint(one), fingerprint(other)

    assert (first.digest == second.digest) == (mismatched_paths(first.leaves, second.leaves) == ())


def test_a_fingerprint_holds_no_value() -> None:
    taken = fingerprint({"email": "anna@shop.example", "note": {"text": "for Anna"}})

    assert set(taken.leaves) == {"email", "note.text"}
    assert "nna" not in repr(taken)
    assert all(re.fullmatch(r"[0-9a-f]{16}", leaf) for leaf in taken.leaves.values())
    assert re.fullmatch(r"[0-9a-f]{64}", taken.digest)


@pytest.mark.parametrize("value", [1.5, 1.0, b"x", object(), {1}, float("nan")])
def test_what_is_not_exact_has_no_fingerprint(value: object) -> None:
    with pytest.raises(TypeError):
        fingerprint({"a": {"b": [value]}})
