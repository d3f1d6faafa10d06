"""An id becomes part of an address only if it is one; every call carries the account and the API version."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from domain.deadlines import NEVER
from provider import Outcome, Provider, ProviderFailure
from provider.ids import is_id
from tests.provider.stripe_says import intent, provider_hearing, refund, saying

HOSTILE = [
    "",
    "pi_",
    "pi",
    "re_1",
    "pi_1/../../customers",
    "pi_1/cancel",
    "pi_1%2Fcancel",
    "pi_1?expand[]=customer",
    "pi_1#",
    "pi_1\r\nX: y",
    "pi_é",
    "pi_" + "x" * 251,
    "../payment_intents/pi_1",
]


@pytest.mark.parametrize("identity", HOSTILE)
async def test_what_is_no_id_reaches_no_address(identity: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return saying(200, intent())(request)

    provider = provider_hearing(answer)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: provider.retrieve_payment(identity),
        lambda: provider.confirm_payment(identity, {}, key="k", until=NEVER),
        lambda: provider.capture_payment(identity, {}, key="k", until=NEVER),
        lambda: provider.cancel_payment(identity, {}, key="k", until=NEVER),
        lambda: provider.retrieve_dispute(identity),
        lambda: provider.retrieve_balance_transaction(identity),
        lambda: provider.retrieve_event(identity),
        lambda: provider.payment_of("charge", identity),
    ]

    for call in calls:
        with pytest.raises(ProviderFailure) as raised:
            await call()
        assert (raised.value.outcome, raised.value.code) == (Outcome.REJECTED, "malformed_id")
    await provider.close()

    assert sent == []


@pytest.mark.parametrize(
    ("identity", "kind"),
    [
        ("pi_3MtwBwLkdIwHu7ix28a3tqPa", "payment_intents"),
        ("re_3MtwBwLkdIwHu7ix1", "refunds"),
        ("pyr_1MtwBwLkdIwHu7ix", "refunds"),
        ("ch_3MtwBw", "charges"),
        ("py_3MtwBw", "charges"),
        ("du_1MtwBw", "disputes"),
        ("dp_1MtwBw", "disputes"),
        ("txn_1MtwBw", "balance_transactions"),
        ("evt_3MtwBw", "events"),
    ],
)
def test_each_kind_of_id_of_stripes_is_one(identity: str, kind: str) -> None:
    assert is_id(identity, kind)


@pytest.mark.parametrize("account", [None, "acct_1A2b3C"])
async def test_every_call_is_for_the_account_and_in_the_version_that_we_speak(account: str | None) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        body = {"object": "list", "data": [], "has_more": False} if request.url.path == "/v1/refunds" else intent()
        return saying(200, refund() if request.method == "POST" and "refunds" in request.url.path else body)(request)

    provider = Provider(secret_key="sk_test_1", livemode=False, account=account, transport=httpx.MockTransport(answer))
    await provider.create_payment({"amount": 1}, key="k", until=NEVER)
    await provider.create_refund({"payment_intent": "pi_1"}, key="k", until=NEVER)
    await provider.retrieve_payment("pi_1")
    await provider.list_refunds("pi_1")
    await provider.close()

    assert [request.headers.get("stripe-account") for request in sent] == [account] * 4
    assert {request.headers["stripe-version"] for request in sent} == {"2026-10-28.endive"}
