"""Accept-Language as RFC 9110 writes it: the best first, and no header costs more than a glance."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.http.negotiation import MAX_LANGUAGES, read_languages


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("de", ("de",)),
        ("de-AT,de;q=0.9,en;q=0.8", ("de-AT", "de", "en")),
        ("en;q=0.2, fr;q=0.9, de;q=0.5", ("fr", "de", "en")),
        ("fr;q=0.5, de;q=0.5", ("fr", "de")),  # of equals, the first
        ("da, *;q=0.1, en-GB;q=0.8", ("da", "en-GB", "*")),
        ("en;q=0, de", ("de",)),
        (" de ; q=0.5 ,\tfr", ("fr", "de")),
        ("de;Q=0.5, fr;q=1.000", ("fr", "de")),
        ("de;q=2, fr;q=0.1", ("fr",)),  # a weight that is none accepts nothing
        ("de;q=-1, fr;q=x, nl;q=", ()),
        ("de;q=0.5555, fr;q=\u00b2", ()),
        (",,;q=1, ,de", ("de",)),
        ("", ()),
        (";;;", ()),
    ],
)
def test_the_languages_are_read_best_first(header: str, languages: tuple[str, ...]) -> None:
    assert read_languages([header]) == languages


def test_none_is_accepted_without_a_header_and_two_are_read_as_one() -> None:
    assert read_languages([]) == ()
    assert read_languages(["de;q=0.5", "fr"]) == ("fr", "de")


def test_no_more_are_read_than_a_person_speaks() -> None:
    header = ",".join(f"x{number}" for number in range(60))

    assert read_languages([header]) == tuple(f"x{number}" for number in range(MAX_LANGUAGES))


@pytest.mark.parametrize("header", ["de," * 40_000, "q=" * 50_000, ";" * 100_000, "de;q=0." + "1" * 100_000])
def test_a_hundred_kilobytes_are_not_read(header: str) -> None:
    started = time.process_time()
    for _ in range(1_000):
        assert read_languages([header]) == ()

    assert time.process_time() - started < 0.5  # half a millisecond each would be reading


@given(st.lists(st.text(max_size=200), max_size=3))
def test_no_header_makes_it_raise(headers: list[str]) -> None:
    assert all(isinstance(tag, str) and tag for tag in read_languages(headers))
