"""A card number is found in any disguise, and nothing else is taken for one (scenario 46)."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards import contains_card_number
from domain.ids import Kind, encode, new_id

# docs.stripe.com/testing: every brand, and some of the special ones
TEST_CARDS = """
4242424242424242 4000056655665556 5555555555554444 2223003122003222 5200828282828210 5105105105105100
378282246310005 371449635398431 6011111111111117 6011000990139424 6011981111111113 3056930009020004
36227206271667 6555900000604105 3566002020360505 6200000000000005 6200000000000047 6205500000000000004
4000002500001001 5555552500001001 4000050360000001 5555050360000080 4000000000000002 4000000000009995
4000000000009987 4000000000009979 4000000000000069 4000000000000127 4000000000000119 4242424242424241
4000000000006975 4000002500003155 4000002760003184 4000003800000446 4000008260003178 4000000000003220
4000000000003063 4000008400001629 4000000000000259 4000000000001976 4000000000005423 4100000000000019
4000000000000101 4000000000000341 4000007840000001 4000007560000009 4000003720000278 4000000760000002
""".split()
INVALID_ON_PURPOSE = "4242424242424241"  # Stripe's own example of a number that fails Luhn
CARDS = [card for card in TEST_CARDS if card != INVALID_ON_PURPOSE]


def grouped(card: str, separator: str) -> str:
    if len(card) in (14, 15):
        return separator.join((card[:4], card[4:10], card[10:]))
    return separator.join(card[start : start + 4] for start in range(0, len(card), 4))


def in_digits_from(card: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(digit)) for digit in card)


@pytest.mark.parametrize("card", CARDS)
def test_every_test_card_is_found_in_every_dress(card: str) -> None:
    dresses = {
        "plain": card,
        "in a sentence": f"please charge {card}, thanks",
        "between letters": f"card{card}end",
        "spaced": grouped(card, " "),
        "dashed": grouped(card, "-"),
        "dotted": grouped(card, "."),
        "double spaced": grouped(card, "  "),
        "every digit apart": " ".join(card),
        "every digit twice apart": "- ".join(card),
        "with no-break spaces": grouped(card, "\u00a0"),
        "with en dashes": grouped(card, "\u2013"),
        "with minus signs": grouped(card, "\u2212"),
        "full-width": in_digits_from(card, "０"),
        "Arabic-Indic": in_digits_from(card, "٠"),
        "Persian": in_digits_from(card, "۰"),
        "Devanagari": in_digits_from(card, "०"),
        "mathematical": in_digits_from(card, "𝟎"),
        "superscript": card.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
        "circled": card.translate(str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")),
        "keycaps": "".join(f"{digit}\ufe0f\u20e3" for digit in card),
        "zero-width split": "\u200b".join(card),
        "word-joiner split": "\u2060".join(card),
        "soft-hyphen split": "\u00ad".join(card),
        "beside an expiry": f"{card} 12/34",
        "behind an expiry": f"12/34 {card}",
        "with expiry and code": f"{grouped(card, ' ')} 12/2034 123",
        "beside an order number": f"order 1001 {grouped(card, ' ')}",
        "beside a UUID": f"0191c2de-7b5a-7c3e-9f10-1234567890ab {card}",
        "as JSON": f'{{"number":"{card}"}}',
        "in a query": f'note: "{card}"',
        "after a new line": f"a\n{card}\nb",
    }

    missed = [name for name, text in dresses.items() if not contains_card_number(text)]

    assert missed == []


@given(card=st.sampled_from(CARDS), before=st.text("abc ,:;\n", max_size=30), after=st.text("xyz ,:;\n", max_size=30))
def test_no_words_around_it_hide_a_card(card: str, before: str, after: str) -> None:
    assert contains_card_number(f"{before}{card}{after}")


@given(
    card=st.sampled_from(CARDS), gaps=st.lists(st.sampled_from(["", " ", "-", " -", "  "]), min_size=19, max_size=19)
)
def test_up_to_two_separators_between_any_digits_hide_nothing(card: str, gaps: list[str]) -> None:
    assert contains_card_number("".join(digit + gap for digit, gap in zip(card, gaps, strict=False)))


def test_a_number_that_fails_the_checksum_is_no_card() -> None:
    assert not contains_card_number(INVALID_ON_PURPOSE)


@given(st.uuids())
def test_a_uuid_is_no_card(value: object) -> None:
    assert not contains_card_number(str(value))
    assert not contains_card_number(str(value).upper())
    assert not contains_card_number(f"retry {value}, then {value}")


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)))  # noqa: DTZ001 – the zone is written below
def test_a_moment_is_no_card(moment: datetime) -> None:
    texts = (
        moment.isoformat(),
        moment.isoformat(" "),
        moment.replace(tzinfo=UTC).isoformat(timespec="microseconds"),
        moment.strftime("%Y%m%d%H%M%S"),
        moment.strftime("%d.%m.%Y %H:%M"),
        moment.strftime("%Y/%m/%d %H:%M:%S.%f"),
    )

    assert [text for text in texts if contains_card_number(text)] == []


@given(seconds=st.integers(0, 2_147_483_647), fraction=st.integers(0, 999_999_999))
def test_a_number_of_seconds_is_no_card(seconds: int, fraction: int) -> None:
    recent = 1_000_000_000 + seconds % 1_000_000_000

    for text in (str(seconds), f"{recent}{fraction // 10**6:03}", f"{recent}{fraction // 10**3:06}"):
        assert not contains_card_number(text)
    assert not contains_card_number(f"{recent}.{fraction // 10**3:06}")
    assert not contains_card_number(f"{recent}{fraction:09}")


def with_check_digit(body: str, *, weights: tuple[int, int], luhn: bool) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        product = int(digit) * weights[place % 2]
        total += product - 9 if luhn and product > 9 else product
    return f"{body}{-total % 10}"


@given(st.text("0123456789", min_size=12, max_size=12))
def test_a_barcode_is_no_card(body: str) -> None:
    assert not contains_card_number(with_check_digit(body, weights=(3, 1), luhn=False))
    assert not contains_card_number(with_check_digit(f"4{body[1:]}", weights=(3, 1), luhn=False))


@given(body=st.text("0123456789", min_size=12, max_size=12), reporter=st.sampled_from(["01", "35", "44", "86", "99"]))
def test_the_serial_number_of_a_telephone_is_no_card(body: str, reporter: str) -> None:
    imei = with_check_digit(reporter + body, weights=(2, 1), luhn=True)

    assert not contains_card_number(imei)
    assert not contains_card_number(f"{imei[:2]}-{imei[2:8]}-{imei[8:14]}-{imei[14]}")


@given(
    country=st.sampled_from(["1", "33", "34", "36", "39", "44", "49", "52", "54", "55", "62", "65", "81", "86", "380"]),
    national=st.text("0123456789", min_size=7, max_size=10),
)
def test_a_telephone_number_is_no_card(country: str, national: str) -> None:
    for text in (
        f"+{country}{national}",
        f"00{country} {national}",
        f"+{country} {national[:3]} {national[3:]}",
        f"+{country}-{national[:2]}-{national[2:5]}-{national[5:]}",
        f"(+{country}) {national[:3]}/{national[3:]}",
    ):
        assert not contains_card_number(text)


@pytest.mark.parametrize("kind", list(Kind))
def test_our_own_ids_are_no_cards(kind: Kind) -> None:
    assert [text for text in (encode(kind, new_id()) for _ in range(300)) if contains_card_number(text)] == []


@given(kind=st.sampled_from(Kind), value=st.uuids())
def test_no_typeid_is_a_card(kind: Kind, value: UUID) -> None:
    assert not contains_card_number(encode(kind, value))


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    assert contains_card_number(text) in (True, False)


@pytest.mark.parametrize("text", ["", "pi_3MtwBwLkdIwHu7ix28a3tqPa", "1" * 100_000, "4242 " * 20_000 + "x", "0" * 16])
def test_long_and_short_texts_are_read_quickly(text: str) -> None:
    started = datetime.now(UTC)

    contains_card_number(text)

    assert (datetime.now(UTC) - started).total_seconds() < 6


@given(
    st.lists(
        st.sampled_from([*CARDS, *(card[:8] for card in CARDS), *"0123456789abx -._/,\t\n\r\v\f\x1c\x1d\x1e\x1f\0"])
    ).map("".join)
    | st.text("0123456789 -", max_size=40)
)
def test_text_in_ascii_is_judged_as_any_other_text_though_by_a_quicker_look(text: str) -> None:
    assert contains_card_number(text) == contains_card_number(text + "é")


@pytest.mark.parametrize("separator", " \t\n\r\v\f\x1c\x1d\x1e\x1f-._/")
def test_groups_are_found_with_any_separator_between_them(separator: str) -> None:
    assert contains_card_number(grouped("4242424242424242", separator))
    assert contains_card_number(grouped("378282246310005", separator * 2))
