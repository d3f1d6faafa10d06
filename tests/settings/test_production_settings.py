"""Production does not start with settings that would make a promise false; each is refused by name."""

from pathlib import Path
from typing import Final

import pytest

from settings import Settings
from tests.settings.test_settings import LIVE, PASSWORD, WEBHOOK_SECRET, Environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """Clear the environment, without a `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Environment(monkeypatch)


PROVIDER: Final = {name: value for name, value in LIVE.items() if name != "AUTH_JWT_SECRET"} | {
    "AUTH_JWKS_URL": "https://id.example/keys"
}
OTHERS: Final = "must be set beside AUTH_JWKS_URL when ENVIRONMENT is production: else tokens for others are accepted"


def test_production_may_trust_an_identity_provider_instead_of_a_secret(environment: Environment) -> None:
    settings = environment.load({**PROVIDER, "AUTH_ISSUER": "https://id.example", "AUTH_AUDIENCE": "paygraph"})

    assert settings.auth_jwt_secret is None


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ["AUTH_ISSUER", "AUTH_AUDIENCE"]),
        ({"AUTH_ISSUER": "https://id.example"}, ["AUTH_AUDIENCE"]),
        ({"AUTH_AUDIENCE": "paygraph", "AUTH_ISSUER": "  "}, ["AUTH_ISSUER"]),
    ],
)
def test_production_takes_no_token_that_was_issued_for_something_else(
    environment: Environment, given: dict[str, str], missing: list[str]
) -> None:
    assert environment.refusal({**PROVIDER, **given}) == [f"{name} {OTHERS}" for name in missing]


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:12111",
        "https://127.0.0.1",
        "https://127.0.0.2",
        "https://localhost",
        "https://LOCALHOST.",
        "https://stripe.localhost",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
    ],
)
def test_a_live_key_does_not_speak_to_a_stripe_on_this_machine(environment: Environment, base: str) -> None:
    problems = environment.refusal({**LIVE, "STRIPE_API_BASE": base})

    assert problems == ["STRIPE_API_BASE is on this machine, and STRIPE_SECRET_KEY is a live key: no money would move"]


def test_production_may_reach_stripe_by_another_name(environment: Environment) -> None:
    assert environment.load({**LIVE, "STRIPE_API_BASE": "https://egress.example"}).livemode


def test_production_has_limits(environment: Environment) -> None:
    problems = environment.refusal({**LIVE, "RATE_LIMITS": "off"})

    assert problems == ["RATE_LIMITS must not be off when ENVIRONMENT is production: one caller could take it all"]


@pytest.mark.parametrize("secret", ["whsec_x", "whsec_" + "x" * 15, f"{WEBHOOK_SECRET},whsec_old"])
def test_production_verifies_webhooks_by_no_secret_that_can_be_guessed(environment: Environment, secret: str) -> None:
    [problem] = environment.refusal({**LIVE, "STRIPE_WEBHOOK_SECRETS": secret})

    assert problem.startswith("STRIPE_WEBHOOK_SECRETS must have at least 16 characters behind whsec_")


def test_production_signs_tokens_with_no_placeholder(environment: Environment) -> None:
    [problem] = environment.refusal({**LIVE, "AUTH_JWT_SECRET": "change" * 6})

    assert problem.startswith("AUTH_JWT_SECRET must have at least 8 different characters")


@pytest.mark.parametrize(
    "address",
    [
        "app:{}@db.example/paygraph",
        "app:{}@db.example/paygraph?sslmode=prefer",
        "app:{}@db.example/paygraph?sslmode=allow",
        "app:{}@db.example/paygraph?sslmode=disable",
        "app:{}@db.example/paygraph?sslmode=require&sslmode=disable",
        "app:{}@10.0.0.5/paygraph",
        "app:{}@notlocalhost/paygraph",
        "app:{}@localhost/paygraph?host=db.example",
        "app:{}@localhost,db.example/paygraph",
    ],
)
def test_production_reaches_its_database_by_tls(environment: Environment, address: str) -> None:
    [problem] = environment.refusal({**LIVE, "DATABASE_URL": f"postgresql://{address.format(PASSWORD)}"})

    assert problem.startswith("DATABASE_URL must have sslmode=verify-full, verify-ca or require when ENVIRONMENT")
    assert PASSWORD not in problem


@pytest.mark.parametrize(
    "address",
    [
        "db.example/paygraph?sslmode=require",
        "db.example/paygraph?sslmode=verify-full",
        "localhost/paygraph",
        "127.0.0.1:5433/paygraph?sslmode=disable",
        "[::1]/paygraph",
        "/paygraph?host=/var/run/postgresql",
        "%2Fvar%2Frun%2Fpostgresql/paygraph",
    ],
)
def test_or_on_this_machine(environment: Environment, address: str) -> None:
    assert environment.load({**LIVE, "DATABASE_URL": f"postgresql://{address}"}).livemode
