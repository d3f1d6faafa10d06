"""Ids go out typed and come back exact; anything else is simply nothing."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import Kind, decode, encode, new_id

kinds = st.sampled_from(list(Kind))
SUFFIX = "01h455vb4pex5vsknk084sn02q"


@given(kinds, st.uuids())
def test_an_id_comes_back_as_it_went(kind: Kind, value: UUID) -> None:
    text = encode(kind, value)

    assert text.startswith(f"{kind.value}_")
    assert decode(text) == (kind, value)
    assert decode(text, kind) == (kind, value)


@given(kinds, kinds, st.uuids())
def test_an_id_of_another_kind_is_nothing(kind: Kind, other: Kind, value: UUID) -> None:
    expected = (kind, value) if kind is other else None

    assert decode(encode(kind, value), other) == expected


@given(st.text(alphabet=st.characters()))
def test_decoding_never_raises(text: str) -> None:
    assert decode(text) is None


@given(kinds, st.text(alphabet="0123456789abcdefghjkmnpqrstvwxyzILOUilou_-", min_size=24, max_size=28))
def test_one_row_has_one_spelling(kind: Kind, suffix: str) -> None:
    text = f"{kind.value}_{suffix}"
    decoded = decode(text)

    assert decoded is None or encode(*decoded) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "payment",
        "payment_",
        SUFFIX,
        f"_{SUFFIX}",
        f"payment__{SUFFIX}",
        f"payment-{SUFFIX}",
        f"pay_{SUFFIX}",
        f"PAYMENT_{SUFFIX}",
        f"payment_{SUFFIX.upper()}",
        f"payment_{SUFFIX[:-1]}",
        f"payment_{SUFFIX}q",
        f" payment_{SUFFIX}",
        f"payment_{SUFFIX}\n",
        f"payment_{SUFFIX[:-1]}u",  # not in the alphabet
        "payment_8" + "0" * 25,  # more than 128 bits
        "payment_" + "٠" * 26,
        "payment_" + "\ud800" * 26,
        "payment_" + "0" * 10_000,
        "01900000-0000-7000-8000-000000000001",
    ],
)
def test_what_is_no_id_is_nothing(text: str) -> None:
    assert decode(text) is None


def test_the_published_example_is_read_as_published() -> None:
    """The specification's own pair of TypeID and UUID (github.com/jetify-com/typeid)."""
    assert decode(f"payment_{SUFFIX}") == (Kind.PAYMENT, UUID("01890a5d-ac96-774b-bcce-b302099a8057"))


def test_new_ids_sort_by_the_time_they_were_made() -> None:
    made = [new_id() for _ in range(1000)]

    assert {value.version for value in made} == {7}
    assert {type(value) for value in made} == {UUID}
    assert len(set(made)) == 1000
    assert made == sorted(made)
