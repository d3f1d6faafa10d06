"""No card number gets through, however dressed, and nothing else is taken for one (scenario 46)."""

import time
from datetime import UTC, date, datetime, timedelta
from hashlib import sha512
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards import contains_card_number
from domain.ids import Kind, encode

# docs.stripe.com/testing: by brand, by co-brand, by country, then by what they provoke.
STRIPE_TEST_CARDS = """
4242424242424242 4000056655665556 5555555555554444 2223003122003222 5200828282828210 5105105105105100
378282246310005 371449635398431 6011111111111117 6011000990139424 6011981111111113 3056930009020004
36227206271667 6555900000604105 3566002020360505 6200000000000005 6200000000000047 6205500000000000004
4000002500001001 5555552500001001 4000050360000001 5555050360000080
4000000320000021 4000000680000006 4000000760000002 4000001240000000 4000001520000001 4000001700000003
4000001880000005 4000002140000007 4000002180000003 4000002220000007 4000003200000004 4000003720000005
4000004840008001 5062210000000009 4000005910000000 4000006000000004 4000006040000000 4000006820000007
4000007840000001 4000007920000009 4000008260000000 4000058260000005 5555558265554449
4000000400000008 4000000560000004 4000001000000000 4000001120000005 4000001910000009 4000001960000008
4000002030000002 4000002080000001 4000002330000009 4000002460000001 4000002500000003 4000002760000016
4000002920000005 4000003000000030 4000003480000005 4000003720000005 4000003800000008 4000004280000005
4000004380000004 4000004400000000 4000004420000006 4000004700000007 4000005280000002 4000005780000007
4000006160000005 4000006200000007 4000006420000001 4000007030000001 4000007050000006 4000007240000007
4000007520000008 4000007560000009
4000000360000006 4000001560000002 4000003440000004 4000003560000008 4000003920000003 3530111333300000
4000004580000002 4000005540000008 4000006080000008 4000007020000003 4000007640000003 4000001580000008
4000000000000002 4000000000009995 4000000000009987 4000000000009979 4000000000000069 4000000000000127
4000000000000119 4000000000006975 4000000000000341 4100000000000019 4000000000004954 4000000000009235
4000000000000101 4000000000000036 4000000000000028 4000000000000010
4000000000000259 4000000000002685 4000000000001976 4000000000005423 4000000404000079 4000000404000061
4000000404000053 4000000404000046 4000000000007726 4000000000005126 4000000000000077 4000003720000278
4000002500003155 4000002760003184 4000003800000446 4000008260003178 4000008400001629 4000008400001280
4000000000003220 4000000000003063 4000000000003055 4000000000003097 4000000000003238 4000000000003246
""".split()
# Real layouts of other networks, from their public test numbers.
OTHER_CARDS = (
    "30569309025904 38520000023237 6304000000000000 6759649826438453 2201382000000013 9792020000000001".split()
)


def luhn_passes(digits: str) -> bool:
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PUBLISHED = sorted({*STRIPE_TEST_CARDS, *OTHER_CARDS})
cards = st.sampled_from(PUBLISHED)
separators = st.sampled_from(
    [
        "",
        " ",
        "-",
        ".",
        "/",
        "_",
        "  ",
        "- ",
        " -",
        "\t",
        "\n",
        "\u00a0",
        "\u2009",
        "\u3000",
        "\u2010",
        "\u2011",
        "\u2013",
        "\u2014",
        "\u2212",
        "\uff0d",
    ]
)
unseen = st.sampled_from(
    [
        "\u200b",
        "\u200c",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u200e",
        "\u202e",
        "\u034f",
        "\u180e",
        "\ufe0f",
        "\u0332",
        "\u20e3",
        "\u3164",
        "\U000e0020",
        "\U000e0100",
    ]
)
DIGITS = {
    "full width": "０１２３４５６７８９",
    "Arabic-Indic": "٠١٢٣٤٥٦٧٨٩",
    "Persian": "۰۱۲۳۴۵۶۷۸۹",
    "Devanagari": "०१२३४५६७८९",
    "Thai": "๐๑๒๓๔๕๖๗๘๙",
    "mathematical bold": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
    "black circled": "⓿❶❷❸❹❺❻❼❽❾",
}


def grouped(number: str, separator: str) -> str:
    return separator.join(number[start : start + 4] for start in range(0, len(number), 4))


@pytest.mark.parametrize("number", PUBLISHED)
def test_every_published_test_card_is_found(number: str) -> None:
    assert luhn_passes(number)
    assert contains_card_number(number)
    for separator in (" ", "-", "  ", ".", "\u00a0", "\u2013", "\u200b", "\u200b \u200b"):
        assert contains_card_number(grouped(number, separator))
        assert contains_card_number(separator.join(number))


@pytest.mark.parametrize("script", DIGITS)
@pytest.mark.parametrize("number", PUBLISHED)
def test_a_card_in_other_digits_is_found(number: str, script: str) -> None:
    assert contains_card_number(number.translate(str.maketrans("0123456789", DIGITS[script])))


@given(cards, st.data())
def test_a_card_is_found_however_its_digits_are_parted(number: str, data: st.DataObject) -> None:
    dressed = number[0] + "".join(data.draw(separators) + digit for digit in number[1:])

    assert contains_card_number(dressed)
    assert contains_card_number(f"pay with {dressed}, please")


@given(cards, st.data())
def test_unseen_characters_do_not_hide_a_card(number: str, data: st.DataObject) -> None:
    dressed = "".join(digit + data.draw(unseen) * data.draw(st.integers(0, 3)) for digit in number)

    assert contains_card_number(dressed)


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242 12/34 123",
        "card: 4242 4242 4242 4242 exp 12/2034",
        "4242-4242-4242-4242 12.11.2026",
        "2026-11-23 4242424242424242",
        "order 17 4242424242424242",
        "a4242424242424242b",
        "key_4242424242424242",
        '{"number":"4242424242424242"}',
        "pay_4242424242424242_1",
        "(4242)4242424242424242",
        "+4242424242424242",
        "é 4242424242424242",
        "\u32b7" * 8,  # eight times a circled 42
        "4242424242424242" + "." * 10_000,
        "x" * 10_000 + " 378282246310005",
    ],
)
def test_what_stands_beside_a_card_does_not_hide_it(text: str) -> None:
    assert contains_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "4242424242424241",  # the checksum is wrong
        "42424242424242",  # a Visa is longer
        "424242424242424242",
        "0000000000000000",
        "1234567812345670",  # passes Luhn, but nobody issues it
        "4242   4242   4242   4242",  # three spaces are a table
        "4242x4242x4242x4242",
        "order 4242, 4242 pieces",
        "pm_card_visa",
        "10.99 USD",
    ],
)
def test_what_is_no_card_passes(text: str) -> None:
    assert not contains_card_number(text)


@given(st.uuids())
def test_uuids_pass(value: UUID) -> None:
    for text in (str(value), str(value).upper(), value.hex, f"payment_{value}", f"{{{value}}}", f"{value} {value}"):
        assert not contains_card_number(text)


def test_a_uuid_of_digits_alone_passes() -> None:
    assert not contains_card_number("42424242-4242-4242-8242-424242424242")
    assert not contains_card_number("a4242424242424242b00000000000000")


@given(st.sampled_from(list(Kind)), st.uuids())
def test_our_own_ids_pass(kind: Kind, value: UUID) -> None:
    assert not contains_card_number(encode(kind, value))


@given(st.binary(min_size=20, max_size=32).filter(lambda content: len(content) in (20, 32)))
def test_hashes_pass(content: bytes) -> None:
    assert not contains_card_number(content.hex())


@given(st.integers(31_536_000, 7_000_000_000_000_000).map(lambda micros: EPOCH + timedelta(microseconds=micros)))
def test_timestamps_pass(moment: datetime) -> None:
    seconds = int(moment.timestamp())
    for text in (
        moment.isoformat(),
        moment.isoformat(" "),
        moment.isoformat().replace("+00:00", "Z"),
        f"{moment:%Y-%m-%d %H:%M:%S}",
        f"{moment:%d.%m.%Y %H:%M}",
        f"{moment:%m/%d/%Y %I:%M %p}",
        f"{moment:%Y%m%dT%H%M%SZ}",
        f"{moment:%Y%m%d%H%M%S}",
        str(seconds),
        f"{seconds}.{moment.microsecond:06}",
        str(seconds * 1000),
    ):
        assert not contains_card_number(text)


@given(st.dates(min_value=date(1971, 1, 1), max_value=date(2099, 1, 1)), st.integers(0, 60))
def test_periods_pass(first: date, days: int) -> None:
    last = first + timedelta(days)
    for style in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y-%m-%d", "%Y/%m/%d"):
        for between in ("-", " ", "/", " - ", "–"):
            text = between.join(f"{day:{style}}" for day in (first, last, last))
            assert not contains_card_number(text)


def with_check_digit(body: str) -> str:
    return next(body + str(digit) for digit in range(10) if luhn_passes(body + str(digit)))


@given(st.from_regex(r"[0-9]{13}", fullmatch=True))
def test_ean_13_passes(code: str) -> None:
    assert not contains_card_number(code)
    assert not contains_card_number(f"{code} {code}")


@given(st.from_regex(r"(01|35|86|91|98|99)[0-9]{12}", fullmatch=True))
def test_imei_passes_although_it_has_the_same_checksum(body: str) -> None:
    imei = with_check_digit(body)

    assert not contains_card_number(imei)
    assert not contains_card_number(f"{imei[:2]}-{imei[2:8]}-{imei[8:14]}-{imei[14]}")


@given(st.from_regex(r"\+[1-9][0-9]{0,2}[ -]?[0-9]{2,4}[ -]?[0-9]{3}[ -]?[0-9]{3,4}", fullmatch=True))
def test_phone_numbers_pass(number: str) -> None:
    assert not contains_card_number(number)


@given(st.text(alphabet=st.characters(exclude_categories=("Nd", "Nl", "No", "Cs"))))
def test_text_without_digits_passes(text: str) -> None:
    assert not contains_card_number(text)


@given(st.text(alphabet=st.characters()))
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    assert contains_card_number(text) in (True, False)


SIZE = 100_000


@pytest.mark.parametrize(
    "piece",
    [
        "4",
        "4 ",
        "4242 ",
        "4242-",
        "42424242-4242-",
        "a1",
        "\u0301\u0323",
        "4\u0301\u0323",
        "٤",
        "\ufdfa",
        "12.12.2",
        " ",
    ],
)
def test_a_long_text_takes_time_in_proportion(piece: str) -> None:
    """A megabyte must not hold up the loop; what once took time squared took ten seconds here."""
    text = "4" * 20 + " " + piece * (SIZE // len(piece))
    started = time.process_time()

    contains_card_number(text)

    assert time.process_time() - started < 2


def test_cards_are_found_in_long_random_digits_only_where_they_stand_alone() -> None:
    random_digits = "".join(sha512(bytes([number])).hexdigest() for number in range(20))
    random_digits = "".join(filter(str.isdecimal, random_digits))

    assert not contains_card_number(random_digits)
    assert contains_card_number(f"{random_digits} 4242424242424242")
