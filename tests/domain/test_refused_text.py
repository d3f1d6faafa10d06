"""Hostile inputs: heaps of accents, malformed addresses, amounts that are no money."""

import operator
import time
from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import ErrorCode, Refused
from domain.idempotency import fingerprint, mismatched_paths
from domain.money import Money
from domain.text import MOST_ACCENTS, check_return_url, clean_text

PATH = ("input", "note")


def test_a_heap_of_accents_is_refused_before_it_is_put_in_order() -> None:
    """Normalising accents takes quadratic time: this one took ten seconds."""
    started = time.process_time()

    with pytest.raises(Refused, match="accents") as refusal:
        clean_text("a" + "\u0301\u0323" * 50_000, path=PATH, max_length=10)

    assert refusal.value.code is ErrorCode.VALIDATION_FAILED
    assert time.process_time() - started < 6


def test_as_many_accents_as_any_language_needs_pass() -> None:
    assert clean_text("x" + "\u0323" * MOST_ACCENTS, path=PATH, max_length=100) == "x" + "\u0323" * MOST_ACCENTS
    assert clean_text("ở" * 50, path=PATH, max_length=100) == "ở" * 50


@pytest.mark.parametrize("url", ["https://shop example", "https://shop.example/a b", "https://shop\u3000.example/"])
def test_an_address_has_no_spaces_in_it(url: str) -> None:
    with pytest.raises(Refused, match="spaces"):
        check_return_url(url, path=PATH)


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("stranger", [1, 1.0, "1", None, (1, "USD")])
def test_money_meets_only_money(operation: Callable[[Any, Any], Any], stranger: object) -> None:
    with pytest.raises(TypeError):
        operation(Money(1, "USD"), stranger)
    with pytest.raises(TypeError):
        operation(stranger, Money(1, "USD"))


def test_an_empty_input_has_no_path_to_differ_at() -> None:
    empty, given_now = fingerprint({}), fingerprint({"note": None})

    assert empty.leaves == {}
    assert mismatched_paths(empty.leaves, given_now.leaves) == ("note",)
