"""Secrets are recognised by their form: a text that can only be one is refused, a possible one is removed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sensitive import _REMOVABLE, _SUSPICIOUS, REMOVED, contains_email, contains_secret, without_secrets

SECRETS = [
    "sk_live_51HabcdefGHIJKLmnop",
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "rk_live_51HabcdefGHIJKLmnop",
    "ek_test_YWNjdF8xSUVBdDAwMTIz",
    "whsec_c2VjcmV0L3ZhbHVlK3g9",
    "pi_3NabcdefGHIJ_secret_9xYzQabcdef",
    "seti_1NabcdefGHIJ_secret_9xYzQabcdef",
    "cs_test_a1b2c3d4e5f6_secret_fidwbEhqYWA",
    "src_client_secret_xnJbcdefGHIJ",
    "cuss_secret_xnJbcdefGHIJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
]
HARMLESS = [
    "Basic support for a year",
    "bearer of good news",
    "my_client_secret_santa",
    "pk_test_51HabcdefGHIJKLmnop",
    "pi_3NabcdefGHIJKLmnop",
    "payment_01h455vb4pex5vsknk084sn02q",
    "latest_test_results",
    "we_live_here",
    "task_test_1",
    "eyJ is how a token begins",
    "order_secret_7",
    "",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("shape", ["{}", "pm_{}", "https://shop.example/?a={}&b=1", "paid with {}.", "'{}'"])
def test_a_secret_is_known_wherever_it_stands(secret: str, shape: str) -> None:
    text = shape.replace("{}", secret)

    assert contains_secret(text)
    assert secret not in without_secrets(text)
    assert REMOVED in without_secrets(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_not_refused(text: str) -> None:
    assert not contains_secret(text)


@pytest.mark.parametrize(
    "text", ["ada@example.com", "to ada.l+shop@mail.example.co.uk, please", "https://a.example/?to=ada@b.example"]
)
def test_an_address_is_known_wherever_it_stands(text: str) -> None:
    assert contains_email(text)
    assert "@" not in without_secrets(text)


@pytest.mark.parametrize("text", ["@ada", "5 apples @ 1.20", "me@home", "a@b"])
def test_not_every_at_is_an_address(text: str) -> None:
    assert not contains_email(text)


PIECES = ["sk", "RK", "_live_", "_TEST_", "whsec_", "pi_12345678", "_Secret_", "Bearer ", "basic ", "eyJ", "EYJab", "."]
MORE = ["://", "user:pass", "@", "example.com", " ", "-", "1"]


@given(st.lists(st.sampled_from(PIECES + MORE), max_size=12).map("".join))
def test_a_text_that_is_not_suspicious_loses_nothing(text: str) -> None:
    """The quick check finds everything that the thorough one would."""
    if _SUSPICIOUS.search(text) is None:
        assert not any(one.search(text) for one in _REMOVABLE)


def test_the_shortest_secret_there_is_is_found() -> None:
    """Shorter texts are not checked."""
    assert contains_secret("sk_live_51Habcdefg")
    assert not contains_secret("sk_live_51Habcdef")
