"""Idempotency keys and fingerprints (scenarios 3, 5 and 6)."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ErrorCode, Refused
from domain.idempotency import check_key, fingerprint, mismatched_paths


@pytest.mark.parametrize(
    "key", ["k", "k" * 255, "0191c2de-7b5a-7c3e-9f10-1234567890ab", "!~", "order:1001/pay#1", "null"]
)
def test_a_key_is_taken_as_it_came(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "k" * 256,
        "k" * 300,
        " k",
        "k ",
        "a b",
        "a\n",
        "\tk",
        "a\0b",
        "a\x7fb",
        "ключ",
        "k🙂",
        "k\u200b",
        "\ud800",
        "ｋ",
    ],
)
def test_scenario_6_a_malformed_key_is_refused_and_never_trimmed(key: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_key(key)

    assert refusal.value.code is ErrorCode.VALIDATION_FAILED
    assert refusal.value.path == ("idempotencyKey",)


@pytest.mark.parametrize("key", ["4242424242424242", "4242-4242-4242-4242", "pay-378282246310005"])
def test_scenario_6_a_card_number_is_no_key(key: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_key(key, path=("input", "key"))

    assert refusal.value.code is ErrorCode.SENSITIVE_DATA_REFUSED
    assert refusal.value.path == ("input", "key")
    assert key not in json.dumps(refusal.value.to_record())


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_scenario_6_any_text_is_a_key_or_a_refusal(key: str) -> None:
    try:
        assert check_key(key) is key
    except Refused:
        return

    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
inputs = st.dictionaries(
    st.text("abc", min_size=1, max_size=4),
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz"), inner, max_size=3)
    ),
    max_size=5,
)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reordered(item) for name, item in reversed(value.items())}
    return tuple(map(reordered, value)) if isinstance(value, list) else value


def decomposed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: decomposed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [decomposed(item) for item in value]
    return unicodedata.normalize("NFD", value) if isinstance(value, str) else value


@given(inputs)
def test_scenario_5_the_order_of_keys_and_the_unicode_form_change_nothing(value: dict[str, Any]) -> None:
    one = fingerprint(value)

    assert fingerprint(reordered(value)) == one
    assert fingerprint(decomposed(value)) == one
    assert mismatched_paths(one.leaves, fingerprint(reordered(value)).leaves) == ()


def canonical(value: dict[str, Any]) -> str:
    return unicodedata.normalize("NFC", json.dumps(value, sort_keys=True, ensure_ascii=False))


@given(inputs, inputs)
def test_scenario_3_another_meaning_has_another_fingerprint(first: dict[str, Any], second: dict[str, Any]) -> None:
    same = canonical(first) == canonical(second)

    assert (fingerprint(first).digest == fingerprint(second).digest) == same


@pytest.mark.parametrize(
    ("stored", "given_now"),
    [
        ({"a": True}, {"a": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": []}, {"a": {}}),
        ({"a": 0}, {"a": False}),
    ],
)
def test_look_alikes_are_told_apart(stored: dict[str, Any], given_now: dict[str, Any]) -> None:
    one, other = fingerprint(stored), fingerprint(given_now)

    assert one.digest != other.digest
    assert mismatched_paths(one.leaves, other.leaves) != ()


def test_scenario_3_the_differing_fields_are_named_without_their_values() -> None:
    stored = fingerprint({"orderId": "order_1", "amount": {"amount": 100, "currency": "USD"}, "note": "a"})
    now = fingerprint({"orderId": "order_1", "amount": {"amount": 200, "currency": "EUR"}, "tip": None})

    assert mismatched_paths(stored.leaves, now.leaves) == ("amount.amount", "amount.currency", "note", "tip")
    assert mismatched_paths(now.leaves, stored.leaves) == ("amount.amount", "amount.currency", "note", "tip")
    assert "order_1" not in repr(stored)
    assert "USD" not in repr(stored)


def test_scenario_35_all_that_is_left_is_another_wish_than_a_number() -> None:
    everything, number = fingerprint({"amount": None}), fingerprint({"amount": 10_000})

    assert everything.digest != number.digest


def test_a_digest_is_the_same_on_every_machine_and_in_every_release() -> None:
    mark = fingerprint({"b": [1, None, True], "a": "Zoe\u0308"})

    assert mark.digest == "0c584d85f3d6cca41ed4d29eac1a5e1c1a413c4fe68dc29ef5b3ffa76c92598d"
    assert {path: len(digest) for path, digest in mark.leaves.items()} == {"a": 16, "b": 16}


@pytest.mark.parametrize("value", [1.5, b"x", {1}, object()])
def test_what_is_not_exact_json_has_no_fingerprint(value: object) -> None:
    with pytest.raises(TypeError):
        fingerprint({"amount": value})
