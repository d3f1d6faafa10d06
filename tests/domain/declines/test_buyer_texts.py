"""The texts for buyers: each language has each of them, and none says what it must not."""

import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.declines import DECLINES, LANGUAGES, Decline, Next, Reason, choose_language, text_for_buyer
from domain.declines.texts import FOLDER, catalogue

CARD: Final = {  # as each language begins the word for a card
    "de": r"karte",
    "en": r"\bcards?\b",
    "es": r"\btarjeta",
    "fr": r"\bcarte\b",
    "it": r"\bcarta\b",
    "ja": r"カード",
    "nl": r"kaart",
    "pt": r"\bcartão\b",
}
OF_A_CARD: Final = {
    Reason.WRONG_CARD_NUMBER,
    Reason.WRONG_SECURITY_CODE,
    Reason.WRONG_EXPIRY_DATE,
    Reason.EXPIRED_CARD,
    Reason.CARD_UNUSABLE,
    Reason.TEST_CARD,
    Reason.PIN_REQUIRED,
    Reason.DECLINED_TOO_OFTEN,
    Reason.PURCHASE_NOT_SUPPORTED,
}
# Words for loss, theft, fraud, suspicion, risk and death: what a hidden decline hides.
TELLING: Final = {
    "de": r"verloren|gestohlen|diebstahl|betrug|verdacht|gesperrt|risiko|verstorben",
    "en": r"\blost\b|stolen|theft|fraud|suspect|block|risk|deceased",
    "es": r"perdid|\brobad|fraude|sospech|bloque|riesgo|fallecid",
    "fr": r"perdu|volé|fraud|soupçon|suspect|bloqu|risque|décéd",
    "it": r"smarrit|rubat|frod|sospett|blocc|rischio|decedut",
    "ja": r"紛失|盗難|不正|疑|停止|リスク|死亡",
    "nl": r"verloren|gestolen|diefstal|fraude|verdacht|geblokkeerd|risico|overleden",
    "pt": r"perdid|roubad|fraude|suspeit|bloque|risco|falecid",
}
END: Final = dict.fromkeys(LANGUAGES, ".") | {"ja": "。"}
LONGEST: Final = 200  # of both sentences: a few lines on a phone


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_lacks_a_text_or_has_one_too_many(language: str) -> None:
    texts = catalogue(language)

    assert set(texts.reasons) == set(Reason)
    assert set(texts.next) == {step.text for step in Next}


def test_each_catalogue_is_one_of_the_languages() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(LANGUAGES)


def test_each_reason_and_each_step_is_told_of_some_code() -> None:
    assert {decline.reason for decline in DECLINES.values()} == set(Reason)
    assert {decline.next for decline in DECLINES.values()} == set(Next)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_is_a_sentence_of_its_own(language: str) -> None:
    texts = [*catalogue(language).reasons.values(), *catalogue(language).next.values()]

    assert len(set(texts)) == len(texts)
    for one in texts:
        assert one == one.strip()
        assert one.endswith(END[language])
        assert one.count(END[language]) == 1
        assert not re.search(r"[{}%<>_\\\"]|  ", one), one


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_nothing_is_left_in_english(language: str) -> None:
    english, texts = catalogue("en"), catalogue(language)

    assert set(texts.reasons.values()) & set(english.reasons.values()) == set()
    assert set(texts.next.values()) & set(english.next.values()) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_sentences_are_joined_as_the_language_does_and_stay_short(language: str) -> None:
    between = catalogue(language).between

    assert between == ("" if language == "ja" else " ")
    for reason in Reason:
        for step in Next:
            told = text_for_buyer(Decline(reason, step), language)
            assert told == f"{catalogue(language).reasons[reason]}{between}{catalogue(language).next[step.text]}"
            assert len(told) <= LONGEST, told


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_what_is_about_a_card_speaks_of_one(language: str) -> None:
    """A bank debit, a voucher or a wallet fails in the same words in which a card does."""
    texts = catalogue(language)
    speak = {Reason(name) for name, one in texts.reasons.items() if re.search(CARD[language], one, re.IGNORECASE)}

    assert speak == OF_A_CARD
    assert not any(re.search(CARD[language], one, re.IGNORECASE) for one in texts.next.values())


def test_no_code_of_a_bank_or_a_local_method_is_told_as_a_cards() -> None:
    banks = [code for code in DECLINES if re.search(r"account|debit|mandate|partner|konbini|payment_method", code)]
    of_cards = {"invalid_account", "new_account_information_available"}  # Stripe: "the card, or the account behind it"

    assert len(banks) > 40
    assert [code for code in banks if DECLINES[code].reason in OF_A_CARD and code not in of_cards] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_names_what_a_hidden_decline_hides(language: str) -> None:
    texts = [*catalogue(language).reasons.values(), *catalogue(language).next.values()]

    assert [one for one in texts if re.search(TELLING[language], one, re.IGNORECASE)] == []


# -- which language
# ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        (None, (), "en"),
        ("de", (), "de"),
        ("de-AT", (), "de"),
        ("pt-BR", (), "pt"),
        ("pt-PT", (), "pt"),
        ("JA-jp", (), "ja"),
        ("de-Latn-DE-1996", (), "de"),
        ("zh-Hant-TW", (), "en"),
        ("fr", ("de",), "fr"),  # the argument first
        ("sv", ("de",), "de"),  # then what the client accepts
        (None, ("sv", "it-CH", "de"), "it"),
        (None, ("sv", "*", "de"), "en"),  # any language is as good as English
        ("*", ("nl",), "nl"),
        ("", ("nl",), "nl"),
        ("deutsch", ("nl",), "nl"),
        ("--", ("nl",), "nl"),
        ("de" + "-x" * 20, ("nl",), "nl"),  # longer than a tag is
        ("../../en", ("nl",), "nl"),
        ("en\x00", ("nl",), "nl"),
    ],
)
def test_the_language_is_the_first_that_is_written(
    locale: str | None, accepted: tuple[str, ...], language: str
) -> None:
    assert choose_language(locale, accepted) == language


@given(st.none() | st.text(max_size=60), st.lists(st.text(max_size=60), max_size=5))
def test_whatever_is_asked_for_there_is_a_text(locale: str | None, accepted: list[str]) -> None:
    assert choose_language(locale, accepted) in LANGUAGES
