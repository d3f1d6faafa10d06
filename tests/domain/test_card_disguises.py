"""Every published test card in deliberate disguises, and texts that only resemble a card."""

import time
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards import contains_card_number

# docs.stripe.com/testing: countries, co-brands, declines, fraud, disputes, refunds, authentication.
PUBLISHED = """
5062210000000009 5200007840000022 5555558265554449 3530111333300000 4000051230000072 5200828282828897
4000000320000021 4000001240000000 4000001520000001 4000001700000003 4000001880000005 4000002180000000
4000004840008001 4000005910000000 4000006000000066 4000006040000068 4000008580000003 4000000400000008
4000000560000004 4000001000000000 4000001120000005 4000001910000009 4000001960000008 4000002030000002
4000002080000001 4000002330000009 4000002460000001 4000002500000003 4000002760000016 4000002920000005
4000003000000030 4000003480000005 4000003720000005 4000003800000008 4000004280000005 4000004380000004
4000004400000000 4000004420000006 4000004700000007 4000005280000002 4000005780000007 4000006160000005
4000006200000007 4000006420000001 4000006820000007 4000007030000001 4000007050000006 4000007240000007
4000007520000008 4000008260000000 4000058260000005 4000000360000006 4000001560000002 4000001580000008
4000003440000004 4000003560000008 4000003920000003 4000004580000002 4000005540000008 4000007020000003
4000007640000003 4000057640000008 4000000000000077 4000000000004954 4000000000009235 4000000000000036
4000000000000028 4000000000000010 4000000000000044 4000000000002685 4000000000007726 4000000000005126
4000008400000407 4000008400000159 4000008400001017 4000008405600003 4001858821843804 4000008400001280
4000000000003055 4000000000003097 4000000000003238 4000000000003246 4000000000003253 4000002760000008
4001007020000002 4000008260000075 4001000360000005 4000000032200000
""".split()
DIGITS = {
    "Thai": "๐๑๒๓๔๕๖๗๘๙",
    "black circled": "⓿❶❷❸❹❺❻❼❽❾",
    "with full stops": "🄀⒈⒉⒊⒋⒌⒍⒎⒏⒐",
}
UNSEEN = [
    "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u202e", "\u034f", "\u180e", "\ufe0f", "\u0332",
    "\u20e3", "\u3164", "\u2800", "\U000e0020", "\U000e0100",
]  # fmt: skip
SIZE = 100_000


@pytest.mark.parametrize("card", PUBLISHED)
def test_every_published_card_is_found(card: str) -> None:
    assert contains_card_number(card)
    assert contains_card_number("  ".join(card[start : start + 4] for start in range(0, len(card), 4)))
    assert contains_card_number("\u2014".join(card[start : start + 4] for start in range(0, len(card), 4)))


@pytest.mark.parametrize("script", DIGITS)
@given(card=st.sampled_from(PUBLISHED))
def test_no_script_hides_a_card(script: str, card: str) -> None:
    assert contains_card_number(card.translate(str.maketrans("0123456789", DIGITS[script])))


def test_one_character_may_hold_two_digits() -> None:
    assert contains_card_number("\u32b7" * 8)  # a circled 42


@given(card=st.sampled_from(PUBLISHED), data=st.data())
def test_nothing_unseen_hides_a_card(card: str, data: st.DataObject) -> None:
    unseen = st.lists(st.sampled_from(UNSEEN), max_size=3).map("".join)

    assert contains_card_number("".join(digit + data.draw(unseen) for digit in card))


@pytest.mark.parametrize(
    "text", ["4242424242424242 12.11.2026", "2026-11-23 4242-4242-4242-4242", "4242 " * 4 + "11/2026"]
)
def test_a_date_beside_it_does_not_hide_a_card(text: str) -> None:
    assert contains_card_number(text)


@given(first=st.dates(date(1971, 1, 1), date(2099, 1, 1)), days=st.integers(0, 60))
def test_a_period_is_no_card(first: date, days: int) -> None:
    """Sixteen digits that begin like a Mastercard: one period in fifty was refused."""
    last = first + timedelta(days)

    for style in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y-%m-%d", "%Y/%m/%d"):
        for between in ("-", " ", "/", " - ", "\u2013"):
            assert not contains_card_number(between.join(f"{day:{style}}" for day in (first, last, last)))


@pytest.mark.parametrize("size", [16, 20, 32])
def test_a_hash_is_no_card(size: int) -> None:
    """Sixteen digits between two letters are rare, but the same hash would be refused each time."""
    unlucky = "a4242424242424242b".ljust(2 * size, "0")

    assert not contains_card_number(unlucky)
    assert not contains_card_number(f"cart={unlucky.upper()};")


@pytest.mark.parametrize(
    "text", ["4242   4242   4242   4242", "4242x4242x4242x4242", "42424242424242", "1234567812345670"]
)
def test_what_is_too_far_apart_too_short_or_nobodys_is_no_card(text: str) -> None:
    assert not contains_card_number(text)


@pytest.mark.parametrize(
    "piece", ["4 ", "4242-", "42424242-4242-", "a1", "\u0301\u0323", "4\u0301\u0323", "٤", "\ufdfa", "12.12.2"]
)
def test_a_long_text_takes_time_in_proportion(piece: str) -> None:
    """Normalising accents takes quadratic time: this much took ten seconds."""
    started = time.process_time()

    contains_card_number("4" * 20 + " " + piece * (SIZE // len(piece)))

    assert time.process_time() - started < 6
