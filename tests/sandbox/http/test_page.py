"""docs/offline-stripe.md lists exactly the features that the offline Stripe has and lacks."""

import re
from pathlib import Path

from sandbox.account.settings import SETTINGS
from sandbox.control.levers import LEVERS
from sandbox.customers.kinds import KINDS
from sandbox.customers.methods import METHODS
from sandbox.faults import KINDS as FAULTS
from sandbox.http.routes import ROUTES
from sandbox.http.stripe_names import CALLS
from tests.sandbox.stripe_account import StripeAccount

PAGE = Path(__file__).parents[3] / "docs" / "offline-stripe.md"
CALL = r"`((?:GET|POST|DELETE) /v\d/[^`]+)`"


def _section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def test_the_calls_of_the_page_are_those_that_are_answered() -> None:
    assert sorted(re.findall(CALL, _section("Calls"))) == sorted(f"{route.method} {route.path}" for route in ROUTES)


def test_the_calls_that_the_page_denies_are_those_that_are_refused() -> None:
    assert sorted(re.findall(CALL, _section("What it has not"))) == sorted(CALLS)


def test_the_methods_of_the_page_are_those_that_pay() -> None:
    named = re.findall(r"`(pm_\w+)`", _section("Test methods"))

    assert set(named) == set(METHODS)


def test_what_the_page_says_of_a_method_is_what_its_payer_is_asked() -> None:
    rows = re.findall(r"^\| `pm_(\w+)` \| `(\w+)` \| ([a-z, ]+) \|$", _section("Test methods"), re.MULTILINE)

    asked = {name: (kind.action, ", ".join(kind.currencies)) for name, kind in KINDS.items() if kind.action}
    assert {name: (action, currencies) for name, action, currencies in rows} == asked


def test_the_settings_of_the_page_are_those_that_can_be_set() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`[^|]+`) \|", _section("Settings"), re.MULTILINE)

    assert {name: tuple(re.findall(r"`(\w+)`", values)) for name, values in rows} == dict(SETTINGS)


def test_the_levers_of_the_page_are_those_that_can_be_pulled() -> None:
    rows = re.findall(r"^\| `(\w+) /_sandbox/([^`]+)` \| (.+) \|$", _section("Levers"), re.MULTILINE)

    assert rows == [(lever.method, lever.path, lever.does) for lever in LEVERS]


def test_the_faults_of_the_page_are_those_that_can_be_put_in_force() -> None:
    named = re.findall(r"`(\w+)`", _section("Faults").partition("Before the request")[2])

    assert sorted(named) == sorted(FAULTS)


async def test_the_same_list_is_served(account: StripeAccount) -> None:
    served = await account.lever("GET", "supported")

    assert served["calls"] == [f"{route.method} {route.path}" for route in ROUTES]
    assert served["payment_methods"] == sorted(METHODS)
    assert served["faults"] == sorted(FAULTS)
    assert served["settings"]["releases"] == ["none", "refunds", "booked"]
    assert "POST /_sandbox/payment_intents/{id}/expire" in served["levers"]
