"""Only an event that Stripe signed within five minutes is accepted; all else is one of two refusals.

Scenarios 24 to 28.
"""

import hashlib
import hmac
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider import EventRefused, SignatureRefused, StripeEvent, verify_event
from provider.events import FORGOTTEN
from tests.provider.stripe_says import SECRET, intent

NEW, OLD, FOREIGN = "whsec_new", "whsec_old", "whsec_foreign"
SENT = 1_700_000_000
NOW = datetime.fromtimestamp(SENT, UTC)


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "api_version": "2025-10-29.clover",
        "livemode": False,
        "created": SENT,
        "data": {"object": intent(status="succeeded")},
        **changes,
    }


def signature(raw: bytes, *, secret: str = NEW, sent: int = SENT) -> str:
    return hmac.new(secret.encode(), f"{sent}.".encode() + raw, hashlib.sha256).hexdigest()


def header(raw: bytes, *, secret: str = NEW, sent: int = SENT) -> str:
    return f"t={sent},v1={signature(raw, secret=secret, sent=sent)}"


def verify(raw: bytes, given_header: str | None, *, at: int = SENT) -> StripeEvent:
    return verify_event(raw, given_header, secrets=(NEW, OLD), now=datetime.fromtimestamp(at, UTC))


def signed(body: object) -> StripeEvent:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return verify(raw, header(raw))


RAW = json.dumps(event()).encode()
GOOD = signature(RAW)


def test_an_event_of_stripes_is_read() -> None:
    read = verify(RAW, header(RAW))

    assert (read.id, read.type, read.livemode, read.account) == ("evt_1", "payment_intent.succeeded", False, None)
    assert (read.api_version, read.created_at, read.subject) == ("2025-10-29.clover", NOW, "pi_1")
    assert read.object["status"] == "succeeded"


@pytest.mark.parametrize(
    "given_header",
    [
        header(RAW, secret=OLD),
        f"t={SENT},v1={signature(RAW, secret=FOREIGN)},v1={GOOD}",
        f"t={SENT},v1={GOOD},v1={'0' * 64}",
        f"t={SENT},v1={GOOD},v0={'0' * 64}",
        f" t={SENT} , v1={GOOD} ",
        f"v1={GOOD},t={SENT},v2=tomorrow,x",
        f"t={SENT}," + ",".join([*(f"v1={number:064}" for number in range(9)), f"v1={GOOD}"]),
    ],
)
def test_scenario_25_either_secret_and_any_of_a_few_signatures_will_do(given_header: str) -> None:
    assert verify(RAW, given_header).id == "evt_1"


@pytest.mark.parametrize(
    "given_header",
    [
        None,
        "",
        header(RAW, secret=FOREIGN),
        f"t={SENT},v1={'0' * 64}",
        f"t={SENT},v0={GOOD}",
        f"t={SENT},v1=",
        f"t={SENT}",
        f"v1={GOOD}",
        f"t=,v1={GOOD}",
        f"t=x,v1={GOOD}",
        f"t=-{SENT},v1={GOOD}",
        f"t={SENT}.0,v1={GOOD}",
        f"t={'9' * 5_000},v1={GOOD}",
        f"t=999999999999,v1={GOOD}",
        f"t={SENT + 1},v1={GOOD}",
        f"t={SENT},v1={GOOD.upper()}",
        f"t={SENT},v1={GOOD[:-1]}",
        f"t={SENT},v1={GOOD}0",
        f"t={SENT},v1=é{GOOD[1:]}",
        f"t=١٧٠٠٠٠٠٠٠٠,v1={GOOD}",
        f"t={SENT},v1=\udcff",
        f"t={SENT},v1={GOOD}," + "x" * 5_000,
        f"t={SENT}," + ",".join(f"v1={number:064}" for number in range(10)) + f",v1={GOOD}",
    ],
)
def test_scenario_25_a_forged_or_malformed_signature_is_refused(given_header: str | None) -> None:
    with pytest.raises(SignatureRefused):
        verify(RAW, given_header)


@pytest.mark.parametrize("late", [301, -301, 600, -600, 10**9])
def test_scenario_26_a_stale_or_future_request_is_refused(late: int) -> None:
    with pytest.raises(SignatureRefused):
        verify(RAW, header(RAW), at=SENT + late)


@pytest.mark.parametrize("late", [300, -300, 0])
def test_scenario_26_within_five_minutes_it_passes(late: int) -> None:
    assert verify(RAW, header(RAW), at=SENT + late).id == "evt_1"


def test_without_any_secret_nothing_is_genuine() -> None:
    with pytest.raises(SignatureRefused):
        verify_event(RAW, header(RAW, secret=""), secrets=(), now=NOW)


@pytest.mark.parametrize(
    "altered", [RAW + b"\n", b"\xef\xbb\xbf" + RAW, RAW.replace(b": ", b":"), RAW.replace(b"1099", b"1098"), b""]
)
def test_scenario_27_a_body_that_was_touched_is_refused(altered: bytes) -> None:
    with pytest.raises(SignatureRefused):
        verify(altered, header(RAW))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in event().items() if key != name}


UNREADABLE: list[object] = [
    b"",
    b"[]",
    b"null",
    b"1",
    b'"event"',
    b"{}",
    b"{",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf" + RAW,
    RAW.replace(b"succeeded", b"\xe9"),
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"NaN",
    *(
        RAW.replace(b"1099", number)
        for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5_000)
    ),
    *(without(name) for name in ("id", "object", "type", "livemode", "created", "data")),
    event(object="v2.core.event", related_object={"id": "pi_1"}),
    {"id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found", "livemode": False},
    event(object="payment_intent"),
    event(livemode="false"),
    event(livemode=None),
    event(id=""),
    event(id=7),
    event(id="\0"),
    event(id="x" * 256),
    event(type=["payment_intent.succeeded"]),
    event(type=""),
    event(data=None),
    event(data=[]),
    event(data={"object": None}),
    event(data={"object": [intent()]}),
    event(created=None),
    event(created="soon"),
    *(event(created=far) for far in (10**12, 10**17, 2**63, 10**30, -(10**17), math.pi * 10**300)),
]


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_scenario_28_what_is_signed_and_no_event_is_refused_as_such(body: object) -> None:
    with pytest.raises(EventRefused) as refusal:
        signed(body)

    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None
    assert SECRET not in str(refusal.value)


@given(raw=st.binary(max_size=200), given_header=st.none() | st.text(max_size=100))
def test_no_bytes_and_no_header_do_anything_but_get_refused(raw: bytes, given_header: str | None) -> None:
    with pytest.raises(SignatureRefused):
        verify(raw, given_header)
    with pytest.raises(EventRefused):
        verify(raw, header(raw))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["id", "object", "type", "api_version", "account", "livemode", "created", "data", "more"])
drawn_changes = st.dictionaries(
    fields, json_values | st.builds(lambda value: {"object": value}, json_values), max_size=2
)


@given(
    changes=drawn_changes, thing=st.dictionaries(st.sampled_from(["id", "object", "payment_intent", "x"]), json_values)
)
def test_any_signed_json_is_an_event_that_the_database_can_hold_or_is_refused(
    changes: dict[str, Any], thing: dict[str, Any]
) -> None:
    try:
        read = signed(event(data={"object": thing}) | changes)
    except EventRefused:
        return

    kept = json.dumps(read.payload, allow_nan=False, ensure_ascii=False)
    for text in (read.id, read.type, read.account or "", read.api_version or "", read.subject, kept):
        assert "\0" not in text
        assert text.encode().decode() == text
    assert max(map(len, (read.id, read.type, read.account or "", read.api_version or "", read.subject))) <= 255


def test_scenario_46_the_payload_forgets_secrets_and_people() -> None:
    person = {"name": "Ada", "email": "ada@example.com", "phone": "+4912345", "address": {"line1": "Lane 1"}}
    thing = intent(
        shipping=person,
        receipt_email="ada@example.com",
        latest_charge={"id": "ch_1", "billing_details": person, "receipt_url": "https://pay.example/r"},
        payment_method_details={"card": {"last4": "4242", "fingerprint": "Xt5EWLLDS7FJjR1c"}},
        charges=[{"evidence": {"customer_name": "Ada"}}],
    )

    read = signed(event(data={"object": thing, "previous_attributes": {"client_secret": SECRET}}))

    told = json.dumps(read.payload) + repr(read)
    for private in (SECRET, "Ada", "ada@example.com", "Lane 1", "+4912345", "Xt5EWLLDS7FJjR1c", "pay.example"):
        assert private not in told
    assert not any(f'"{name}"' in told for name in FORGOTTEN)
    assert read.object["latest_charge"] == {"id": "ch_1"}
    assert read.object["payment_method_details"] == {"card": {"last4": "4242"}}
    assert "payload" not in repr(read)


@pytest.mark.parametrize(
    ("thing", "subject"),
    [
        (intent(), "pi_1"),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, "pi_1"),
        ({"object": "charge", "id": "ch_1", "payment_intent": {"id": "pi_1"}}, "pi_1"),
        ({"object": "refund", "id": "re_1", "payment_intent": None}, "re_1"),
        ({"object": "payout", "id": "po_1"}, "po_1"),
        ({"object": "balance"}, "evt_1"),
    ],
)
def test_the_subject_is_the_payment_wherever_there_is_one(thing: dict[str, Any], subject: str) -> None:
    assert signed(event(data={"object": thing})).subject == subject


def test_scenario_24_an_event_of_tomorrow_is_still_an_event() -> None:
    read = signed(event(type="payment_intent.teleported", api_version=None, account="acct_1", novelty={"a": [1]}))

    assert (read.type, read.api_version, read.account) == ("payment_intent.teleported", None, "acct_1")
