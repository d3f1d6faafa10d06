"""Text from outside is normalised, or refused (scenario 45)."""

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ErrorCode, Refused
from domain.text import (
    NOT_AN_APPS_OWN,
    check_email,
    check_external_id,
    check_metadata,
    check_payment_method_id,
    check_return_url,
    clean_text,
)

PATH = ("input", "reference")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a\0b", "control characters"),
        ("a\x1bb", "control characters"),
        ("a\x7fb", "control characters"),
        ("a\u0085b", "control characters"),
        ("a\nb", "control characters"),
        ("a\ud800b", "half of a character"),
        ("\udfff", "half of a character"),
        ("order \u202e1001", "writing direction"),
        ("order \u200f1001", "writing direction"),
        ("order \u20681001\u2069", "writing direction"),
        ("\u061c1001", "writing direction"),
        (" 1001", "spaces"),
        ("1001\u3000", "spaces"),
        ("1001\u2028", "spaces"),
        ("", "1 to 255"),
        ("x" * 256, "1 to 255"),
        ("a" + "\u0301" * 10_000, "accents"),
    ],
)
def test_scenario_45_what_cannot_be_shown_or_stored_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refusal:
        check_external_id(text, path=PATH)

    assert refusal.value.code is ErrorCode.VALIDATION_FAILED
    assert refusal.value.path == PATH
    assert refusal.value.message.startswith("`reference` ")


@pytest.mark.parametrize(
    "text", ["1001", "Größe 42", "注文1001", "طلب", "הזמנה", "🙂👩‍👩‍👧", "A–B/C #7", "x" * 255, "🙂" * 255]
)
def test_scenario_45_every_script_and_emoji_passes_as_it_is(text: str) -> None:
    assert check_external_id(text, path=PATH) == text


@pytest.mark.parametrize("text", ["Zoë", "Ångström", "한국어", "ệ"])
def test_scenario_45_twins_of_two_unicode_forms_become_one(text: str) -> None:
    twins = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}

    assert len(twins) == 2
    assert {check_external_id(twin, path=PATH) for twin in twins} == {unicodedata.normalize("NFC", text)}


@given(text=st.text(st.characters(exclude_categories=()), max_size=60), multiline=st.booleans())
def test_scenario_45_what_passes_is_safe_for_the_database_and_stays_as_it_is(text: str, multiline: bool) -> None:
    try:
        cleaned = clean_text(text, path=PATH, max_length=50, multiline=multiline)
    except Refused:
        return

    assert "\0" not in cleaned
    assert 0 < len(cleaned) <= 50
    assert cleaned.encode().decode() == cleaned
    assert clean_text(cleaned, path=PATH, max_length=50, multiline=multiline) == cleaned


@pytest.mark.parametrize(
    "card", ["4242424242424242", "3782 822463 10005", "５５５５５５５５５５５５４４４４", "4\u200b242424242424242"]
)
def test_scenario_46_a_card_number_is_refused_and_not_repeated(card: str) -> None:
    for refused in (
        lambda: check_external_id(f"order {card}", path=PATH),
        lambda: check_payment_method_id(card, path=PATH),
        lambda: check_metadata({"note": f"card {card}"}, path=("input", "metadata")),
        lambda: check_metadata({f"n {card}": "x"}, path=("input", "metadata")),
        lambda: check_email(f"{card}@shop.example", path=PATH),
        lambda: check_return_url(f"https://shop.example/?card={card}", path=PATH),
    ):
        with pytest.raises(Refused) as refusal:
            refused()

        assert refusal.value.code is ErrorCode.SENSITIVE_DATA_REFUSED
        assert card not in str(refusal.value.to_record())


def test_text_of_several_lines_may_have_lines_and_tabs_only() -> None:
    assert clean_text("a\n\tb", path=PATH, max_length=10, multiline=True) == "a\n\tb"
    with pytest.raises(Refused):
        clean_text("a\r\nb", path=PATH, max_length=10, multiline=True)


@pytest.mark.parametrize("email", ["ada@example.com", "a+b@sub.example.co", "jürgen@müller.example"])
def test_an_address_that_could_be_one_passes(email: str) -> None:
    assert check_email(email, path=PATH) == email


@pytest.mark.parametrize(
    "email", ["ada", "ada@", "@example.com", "ada@example", "a b@example.com", "a@b@c.example", ""]
)
def test_an_address_that_cannot_be_one_is_refused(email: str) -> None:
    with pytest.raises(Refused):
        check_email(email, path=PATH)


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_1MtwBwLkdIwHu7ix", "card_1", "src_1"])
def test_a_token_of_stripes_passes(token: str) -> None:
    assert check_payment_method_id(token, path=PATH) == token


@pytest.mark.parametrize(
    "token", ["", "pm_", "visa", "tok_visa", "pm_a/b", "pm_a\n", "pm_é", "pm_" + "a" * 101, "../pm_1"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Refused):
        check_payment_method_id(token, path=PATH)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/back?order=1#done",
        "https://shop.example:8443",
        "http://localhost:3000/back",
        "http://127.0.0.1/back",
        "http://[::1]:8000/",
    ],
)
def test_a_page_to_come_back_to_passes(url: str) -> None:
    assert check_return_url(url, path=PATH) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/back",
        "http://127.0.0.1.shop.example/",
        "http://localhost.shop.example/",
        "//shop.example/back",
        "/back",
        "https://",
        "https:///back",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://shop.example",
        "https://ada:secret@shop.example/",
        "https://@shop.example:x/",
        "https://shop.example:99999/",
        "https://[::1",
        "https://shop.example/\n",
        "https://shop.example/" + "x" * 2_048,
    ],
)
def test_a_page_elsewhere_or_nowhere_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_return_url(url, path=PATH)

    assert "secret" not in refusal.value.message


@pytest.mark.parametrize(
    "url", ["myapp://paid", "myapp://paid?order=1", "MyApp://paid", "com.example.shop:/paid", "com.example.shop://"]
)
def test_an_app_to_come_back_to_passes_when_its_scheme_is_listed(url: str) -> None:
    assert check_return_url(url, path=PATH, app_schemes={"myapp", "com.example.shop"}) == url
    with pytest.raises(Refused):
        check_return_url(url, path=PATH)


@pytest.mark.parametrize(
    "url", ["otherapp://paid", "myapp:paid", "myapp", "myapp.evil://paid", "myapp://ada:secret@paid", "myapp://a b"]
)
def test_what_is_not_a_listed_app_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_return_url(url, path=PATH, app_schemes={"myapp"})

    assert "secret" not in refusal.value.message


@pytest.mark.parametrize("scheme", sorted(NOT_AN_APPS_OWN - {"https"}))
def test_no_list_makes_an_app_of_what_browsers_act_on(scheme: str) -> None:
    with pytest.raises(Refused):
        check_return_url(f"{scheme}://shop.example/alert(1)", path=PATH, app_schemes={scheme})


def test_a_refused_address_is_told_what_is_allowed() -> None:
    with pytest.raises(Refused) as without:
        check_return_url("myapp://paid", path=PATH)
    with pytest.raises(Refused) as listed:
        check_return_url("other://paid", path=PATH, app_schemes={"myapp", "myapp-staging"})

    begins = "`reference` must be an absolute address that begins with https://"
    assert without.value.message == f"{begins} or http:// on this machine."
    assert listed.value.message == f"{begins}, http:// on this machine, myapp:// or myapp-staging://."


@given(st.text(max_size=60) | st.text(max_size=40).map("https://".__add__))
def test_no_address_makes_the_check_raise_anything_else(url: str) -> None:
    with contextlib.suppress(Refused):
        assert check_return_url(url, path=PATH).lower().startswith(("https://", "http://"))


def test_metadata_within_stripes_limits_passes() -> None:
    most = {f"key{number}": "v" * 500 for number in range(50)}

    assert check_metadata(most, path=("metadata",)) == most
    assert check_metadata({"k" * 40: ""}, path=("metadata",)) == {"k" * 40: ""}
    assert check_metadata({"Zoe\u0308": "Zoe\u0308"}, path=("metadata",)) == {"Zoë": "Zoë"}


@pytest.mark.parametrize(
    "metadata",
    [
        {f"key{number}": "" for number in range(51)},
        {"k" * 41: ""},
        {"": "x"},
        {"k": "v" * 501},
        {"a[b]": "x"},
        {"a\0": "x"},
        {"a": "\0"},
        {"Zoë": "1", "Zoe\u0308": "2"},
    ],
)
def test_metadata_beyond_stripes_limits_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(Refused) as refusal:
        check_metadata(metadata, path=("metadata",))

    assert refusal.value.code is ErrorCode.VALIDATION_FAILED
