"""The offline Stripe names its supported and unsupported features by the names of Stripe's own library."""

import importlib
import re
from pathlib import Path

import pytest
import stripe
import stripe.params

from sandbox.http.routes import ROUTES
from sandbox.http.stripe_names import ALLOWED_TYPES, CALLS, EXCLUDED_TYPES, PARAMETERS, ROOTS
from tests.sandbox.shapes import stripes_types
from tests.sandbox.stripe_account import StripeAccount

LIBRARY = Path(stripe.__file__).parent
OURS = (
    "payment_intents|setup_intents|charges|refunds|customers|payment_methods|disputes|events|balance_transactions"
    "|balance|mandates|payouts|reviews|setup_attempts|radar|ephemeral_keys|customer_sessions|confirmation_tokens|webhook_endpoints"
)
OLDER = {"payment_method_types"}


def _addresses() -> set[str]:
    """List every address of the library's services."""
    texts = (path.read_text() for path in LIBRARY.rglob("_*_service.py"))
    return {address for text in texts for address in re.findall(r'"(/v1/[^"]+)"', text)}


def _plain(address: str) -> str:
    return re.sub(r"\{\w+\}", "{}", address)


def test_every_address_of_our_objects_is_answered_or_named() -> None:
    known = {_plain(route.path) for route in ROUTES} | {_plain(call.partition(" ")[2]) for call in CALLS}
    ours = {address for address in _addresses() if re.match(rf"/v1/({OURS})(/|$)", address)}

    assert {address for address in ours if _plain(address) not in known} == set()


def test_every_other_object_of_stripe_is_named() -> None:
    roots = {address.split("/")[2] for address in _addresses()} - set(OURS.split("|"))

    assert roots - ROOTS == set()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("POST /v1/payment_intents", "PaymentIntentCreateParams"),
        ("POST /v1/payment_intents/{id}", "PaymentIntentUpdateParams"),
        ("POST /v1/payment_intents/{id}/confirm", "PaymentIntentConfirmParams"),
        ("POST /v1/payment_intents/{id}/capture", "PaymentIntentCaptureParams"),
        ("POST /v1/payment_intents/{id}/cancel", "PaymentIntentCancelParams"),
        ("POST /v1/payment_intents/{id}/increment_authorization", "PaymentIntentIncrementAuthorizationParams"),
        ("POST /v1/refunds", "RefundCreateParams"),
        ("POST /v1/refunds/{id}", "RefundUpdateParams"),
        ("POST /v1/charges/{id}", "ChargeUpdateParams"),
        ("POST /v1/charges/{id}/capture", "ChargeCaptureParams"),
        ("POST /v1/customers", "CustomerCreateParams"),
        ("POST /v1/customers/{id}", "CustomerUpdateParams"),
        ("POST /v1/payment_methods", "PaymentMethodCreateParams"),
        ("POST /v1/setup_intents", "SetupIntentCreateParams"),
        ("POST /v1/setup_intents/{id}/confirm", "SetupIntentConfirmParams"),
        ("POST /v1/customer_sessions", "CustomerSessionCreateParams"),
        ("POST /v1/webhook_endpoints", "WebhookEndpointCreateParams"),
        ("POST /v1/payouts", "PayoutCreateParams"),
        ("GET /v1/payment_intents", "PaymentIntentListParams"),
        ("GET /v1/refunds", "RefundListParams"),
        ("GET /v1/charges", "ChargeListParams"),
    ],
)
def test_the_parameters_of_stripes_library_are_known(call: str, name: str) -> None:
    stripes = set(getattr(stripe.params, name).__annotations__) - {"expand"}

    assert stripes - set(PARAMETERS[call].split()) - OLDER - set(_options()) == set()


def _options() -> set[str]:
    """List the options of the library's calls besides Stripe's parameters."""
    module = importlib.import_module("stripe._request_options")
    return set(module.RequestOptions.__annotations__)


@pytest.mark.parametrize(("name", "known"), [("excluded", EXCLUDED_TYPES), ("allowed", ALLOWED_TYPES)])
def test_the_types_of_methods_that_can_be_named_are_those_of_stripes_library(name: str, known: frozenset[str]) -> None:
    assert known == stripes_types(f"{name}_payment_method_types")


def test_what_we_take_is_stripes() -> None:
    beside = OLDER | {"expected_payment_method_type", "client_secret"}  # added by Stripe.js
    for route in ROUTES:
        known = set(PARAMETERS.get(f"{route.method} {route.path}", "").split())
        if known:
            assert set(route.takes.fields) - known - beside == set(), route.path


async def test_a_parameter_that_stripe_has_is_not_unknown(account: StripeAccount) -> None:
    for given in ({"on_behalf_of": "acct_1"}, {"transfer_data": {"amount": 1}}, {"radar_options": {"session": "s"}}):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await account.intent(None, **given)

        [name] = given
        assert (caught.value.code, caught.value.param, caught.value.http_status) == (None, name, 400)
        assert "not supported by the offline Stripe" in str(caught.value.user_message)


async def test_a_nested_parameter_that_stripe_has_is_not_unknown(account: StripeAccount) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.intent(None, payment_method_options={"card": {"installments": {"enabled": True}}})
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await account.intent(None, payment_method_options={"card": {"colour": "red"}})

    assert caught.value.param == "payment_method_options[card][installments]"
    assert "not supported by the offline Stripe" in str(caught.value.user_message)
    assert unknown.value.code == "parameter_unknown"


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/v1/invoices/in_1", 400, "not supported by the offline Stripe"),
        ("POST", "/v1/charges", 400, "not supported by the offline Stripe"),
        ("POST", "/v1/customers/cus_1/funding_instructions", 400, "not supported by the offline Stripe"),
        ("GET", "/v1/customers/cus_1/sources", 400, "not supported by the offline Stripe"),
        ("GET", "/v2/core/accounts", 400, "not supported by the offline Stripe"),
        ("GET", "/v1/colours", 404, "Unrecognized request URL"),
        ("DELETE", "/v1/payment_intents/pi_1", 404, "Unrecognized request URL"),
        ("GET", "/v3/payment_intents", 404, "Unrecognized request URL"),
    ],
)
async def test_an_address_says_what_it_is(
    account: StripeAccount, method: str, path: str, status: int, said: str
) -> None:
    response = await account.http.request(method, path)

    assert response.status_code == status
    assert said in response.json()["error"]["message"]


def test_the_library_has_no_call_twice() -> None:
    calls = [f"{route.method} {_plain(route.path)}" for route in ROUTES]

    assert len(calls) == len(set(calls))
    assert not set(calls) & {_plain(call) for call in CALLS}
