"""Ids go out as TypeIDs and come back as rows, or as nothing."""

from uuid import UUID

import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st
from typeid import TypeID

from domain.ids import Kind, decode, encode, new_id

KNOWN = UUID("0191c2de-7b5a-7c3e-9f10-1234567890ab")


@given(kind=st.sampled_from(Kind), value=st.uuids())
def test_an_id_comes_back_as_it_went(kind: Kind, value: UUID) -> None:
    text = encode(kind, value)

    assert decode(text) == (kind, value)
    assert decode(text, kind) == (kind, value)
    assert text.startswith(f"{kind.value}_")
    assert len(text) == len(kind.value) + 27


@given(value=st.uuids(), kind=st.sampled_from(Kind), other=st.sampled_from(Kind))
def test_an_id_of_another_kind_is_nothing(value: UUID, kind: Kind, other: Kind) -> None:
    found = decode(encode(kind, value), other)

    assert (found is None) == (kind is not other)


def test_new_ids_are_of_version_seven_and_sort_by_age() -> None:
    made = [new_id() for _ in range(200)]

    assert {value.version for value in made} == {7}
    assert made == sorted(made)
    assert len(set(made)) == 200
    assert [encode(Kind.PAYMENT, value) for value in made] == sorted(encode(Kind.PAYMENT, value) for value in made)


GOOD = encode(Kind.PAYMENT, KNOWN)
SUFFIX = GOOD.removeprefix("payment_")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "payment",
        "payment_",
        SUFFIX,
        f"_{SUFFIX}",
        str(KNOWN),
        f"payment-{SUFFIX}",
        f"payments_{SUFFIX}",
        f"Payment_{SUFFIX}",
        f"payment_{SUFFIX.upper()}",
        f"payment__{SUFFIX}",
        f" payment_{SUFFIX}",
        f"payment_{SUFFIX}\n",
        f"payment_{SUFFIX[:-1]}",
        f"payment_{SUFFIX}0",
        f"payment_{SUFFIX[:-1]}u",  # not in the alphabet
        f"payment_{SUFFIX[:-1]}\0",
        f"payment_8{SUFFIX[1:]}",  # more than 128 bits
        f"payment_{'z' * 26}",
        f"payment_{SUFFIX[:-1]}\ud800",
        f"payment_{SUFFIX[:-1]}é",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "1 OR 1=1",
        "payment_" * 1_000,
    ],
)
def test_what_is_not_an_id_is_nothing(text: str) -> None:
    assert decode(text) is None
    assert decode(text, Kind.PAYMENT) is None


typeid_like = st.builds(
    "{}_{}".format,
    st.sampled_from(Kind) | st.text(max_size=10),
    st.text("0123456789abcdefghijklmnopqrstuvwxyzABCL", min_size=24, max_size=28) | st.text(max_size=30),
)


@given(text=st.text() | typeid_like, kind=st.none() | st.sampled_from(Kind))
def test_no_text_makes_it_raise_and_each_row_has_one_spelling(text: str, kind: Kind | None) -> None:
    found = decode(text, kind)

    assert found is None or encode(*found) == text


@given(value=st.uuids(), kind=st.sampled_from(Kind))
def test_ids_are_written_as_the_reference_library_writes_them(value: UUID, kind: Kind) -> None:
    written = str(TypeID.from_uuid(prefix=kind.value, suffix=uuid_utils.UUID(int=value.int)))

    assert encode(kind, value) == written
    assert decode(written) == (kind, value)
    assert TypeID.from_string(written).uuid.int == value.int
