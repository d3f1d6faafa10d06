"""Unusable settings are refused at the start: by name, with the allowed values, never with their own value."""

import re
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from domain.currencies import DEFAULT_CURRENCIES
from settings import Settings, SettingsError

EXAMPLE: Final = Path(__file__).parents[2] / ".env.example"
LIVE_KEY: Final = "sk_live_51Jxk0FqQzVb7"
TEST_KEY: Final = "sk_test_51Jxk0FqQzVb7"
WEBHOOK_SECRET: Final = "whsec_c2lnbmVkIGJ5IHN0cmlwZQ"
JWT_SECRET: Final = "vj3kq0X9m1Rz8LwYb6Tn4Hc2Pd7Gf5Se"
PASSWORD: Final = "hunter2-of-the-database"

LIVE: Final = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": f"postgresql://app:{PASSWORD}@db.example/paygraph?sslmode=verify-full",
    "STRIPE_SECRET_KEY": LIVE_KEY,
    "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
    "AUTH_JWT_SECRET": JWT_SECRET,
}
TESTING: Final = {"STRIPE_SECRET_KEY": TEST_KEY, "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET}


@pytest.fixture(autouse=True)
def _an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Clear the environment, without a `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> "Environment":
    return Environment(monkeypatch)


class Environment:
    """The environment variables of one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def load(self, given: dict[str, str]) -> Settings:
        for name, value in given.items():
            self._monkeypatch.setenv(name, value)
        return Settings.load()

    def refusal(self, given: dict[str, str]) -> list[str]:
        """Return the lines that name the wrong settings."""
        with pytest.raises(SettingsError) as caught:
            self.load(given)
        first, *problems, last = str(caught.value).splitlines()
        assert first == "The settings cannot be used:"
        assert last == "See .env.example for every variable."
        return [problem.strip() for problem in problems]


def test_with_nothing_set_the_demo_starts(environment: Environment) -> None:
    settings = environment.load({})

    assert settings.environment == "development"
    assert settings.offline
    assert not settings.livemode
    assert settings.database_url is None
    assert settings.currencies == DEFAULT_CURRENCIES
    assert settings.state_dir == Path(".paygraph")


def test_a_complete_production_starts(environment: Environment) -> None:
    settings = environment.load(LIVE)

    assert settings.livemode
    assert not settings.offline


@pytest.mark.parametrize("place", ["development", "test"])
@pytest.mark.parametrize("key", [LIVE_KEY, LIVE_KEY.replace("sk_", "rk_")])
def test_scenario_55_a_live_key_outside_production_is_refused(environment: Environment, place: str, key: str) -> None:
    problems = environment.refusal({**LIVE, "ENVIRONMENT": place, "STRIPE_SECRET_KEY": key})

    assert problems == ["STRIPE_SECRET_KEY is a live key, and ENVIRONMENT is not production: use a test key"]


@pytest.mark.parametrize("key", [TEST_KEY, TEST_KEY.replace("sk_", "rk_")])
def test_scenario_55_a_test_key_in_production_is_refused(environment: Environment, key: str) -> None:
    problems = environment.refusal({**LIVE, "STRIPE_SECRET_KEY": key})

    assert problems == ["STRIPE_SECRET_KEY is a test key, and ENVIRONMENT is production: use a live key"]


OFFLINE_PROBLEM: Final = (
    "STRIPE_SECRET_KEY must be set when ENVIRONMENT is production: the offline Stripe takes no money"
)
DATABASE_PROBLEM: Final = (
    "DATABASE_URL must be set when ENVIRONMENT is production: the embedded PostgreSQL trusts everybody"
)
WHO_ASKS_PROBLEM: Final = "AUTH_JWT_SECRET or AUTH_JWKS_URL must be set when ENVIRONMENT is production"


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("STRIPE_SECRET_KEY", OFFLINE_PROBLEM),
        ("DATABASE_URL", DATABASE_PROBLEM),
        ("AUTH_JWT_SECRET", WHO_ASKS_PROBLEM),
        (
            "STRIPE_WEBHOOK_SECRETS",
            "STRIPE_WEBHOOK_SECRETS must be set beside STRIPE_SECRET_KEY: webhooks are always verified",
        ),
    ],
)
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_scenario_55_production_has_no_default_for_what_protects_it(
    environment: Environment, missing: str, problem: str, how: str
) -> None:
    given = {name: value for name, value in LIVE.items() if name != missing}

    assert environment.refusal({**given, missing: ""} if how == "empty" else given) == [problem]


def test_scenario_55_a_bare_production_is_told_everything_at_once(environment: Environment) -> None:
    problems = environment.refusal({"ENVIRONMENT": "production"})

    assert problems == [OFFLINE_PROBLEM, DATABASE_PROBLEM, WHO_ASKS_PROBLEM]


def test_a_key_without_webhook_secrets_is_refused_everywhere(environment: Environment) -> None:
    problems = environment.refusal({"STRIPE_SECRET_KEY": TEST_KEY})

    assert problems == ["STRIPE_WEBHOOK_SECRETS must be set beside STRIPE_SECRET_KEY: webhooks are always verified"]


def test_a_publishable_key_belongs_to_the_secret_key(environment: Environment) -> None:
    webhooks = {"STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET}

    alone = environment.refusal({"STRIPE_PUBLISHABLE_KEY": "pk_test_1"})
    mixed = environment.refusal({"STRIPE_SECRET_KEY": TEST_KEY, **webhooks, "STRIPE_PUBLISHABLE_KEY": "pk_live_1"})

    assert alone == ["STRIPE_PUBLISHABLE_KEY needs STRIPE_SECRET_KEY: the offline Stripe has no Payment Element"]
    assert mixed == ["STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY: one is a live key, the other a test key"]


def test_production_does_not_misbehave_on_command(environment: Environment) -> None:
    problems = environment.refusal({**LIVE, "SANDBOX_FAULTS": "true"})

    assert problems == ["SANDBOX_FAULTS must not be set when ENVIRONMENT is production"]


def test_two_ways_to_know_who_asks_are_one_too_many(environment: Environment) -> None:
    problems = environment.refusal({"AUTH_JWT_SECRET": JWT_SECRET, "AUTH_JWKS_URL": "https://id.example/keys"})

    assert problems == ["AUTH_JWT_SECRET and AUTH_JWKS_URL: set only one of them"]


@pytest.mark.parametrize("lease", ["19", "20"])
@pytest.mark.parametrize("more", [LIVE, {}], ids=["production", "development"])
def test_a_lease_outlives_a_call_of_stripe(environment: Environment, lease: str, more: dict[str, str]) -> None:
    problems = environment.refusal({**more, "LEASE_SECONDS": lease, "STRIPE_TIMEOUT_SECONDS": "20"})

    assert problems == ["LEASE_SECONDS must be longer than STRIPE_TIMEOUT_SECONDS, or live work is taken over"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("STRIPE_SECRET_KEY", "pk_test_9f8e7d6c", "must begin with sk_test_, rk_test_, sk_live_ or rk_live_"),
        (
            "STRIPE_PUBLISHABLE_KEY",
            "sk_test_9f8e7d6c",
            "must begin with pk_test_ or pk_live_; it is shown to every browser",
        ),
        (
            "STRIPE_WEBHOOK_SECRETS",
            f"{WEBHOOK_SECRET},9f8e7d6c",
            "must be a comma-separated list of secrets that begin with whsec_",
        ),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_", "must be a comma-separated list of secrets that begin with whsec_"),
        ("STRIPE_SECRET_KEY", "sk_live_", "must begin with sk_test_, rk_test_, sk_live_ or rk_live_"),
        ("STRIPE_API_BASE", "http://stripe.9f8e7d6c", "must be an https address, or http on 127.0.0.1"),
        ("STRIPE_API_BASE", "http://127.0.0.1.9f8e7d6c", "must be an https address, or http on 127.0.0.1"),
        ("STRIPE_API_BASE", "9f8e7d6c", "must be an https address, or http on 127.0.0.1"),
        ("AUTH_JWT_SECRET", "9f8e7d6c", "must have at least 32 bytes"),
        ("AUTH_JWKS_URL", "http://id.9f8e7d6c/keys", "must be an https address, or http on 127.0.0.1"),
        ("CURRENCIES", " , ", "must name at least one currency"),
        *(
            (
                "ALLOWED_ORIGINS",
                value,
                "must list origins as browsers send them, like https://shop.example: no path, no wildcard",
            )
            for value in ("https://9f8e7d6c.example/", "9f8e7d6c.example", "*", "https://*.9f8e7d6c", "https://9F8E")
        ),
        *(
            (
                "RETURN_URL_SCHEMES",
                value,
                "must list schemes of your own apps, like myapp; none that browsers act on",
            )
            for value in ("javascript", "myapp,DATA", "http", "9f8e7d6c://", "9f8e7d6c", "my app")
        ),
        *(
            (
                "ALLOWED_HEADERS",
                value,
                "must list names of request headers, like x-shop-version; x-shop-* is all that begin so",
            )
            for value in ("*", "x-9f8e7d6c:1", "x-*-9f8e7d6c", "x 9f8e7d6c")
        ),
        ("ENVIRONMENT", "9f8e7d6c", "Input should be 'development', 'test' or 'production'"),
        ("LOG_FORMAT", "9f8e7d6c", "Input should be 'console' or 'json'"),
        ("DATABASE_POOL_SIZE", "1", "Input should be greater than or equal to 2"),
        ("DATABASE_POOL_SIZE", "501", "Input should be less than or equal to 500"),
        ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "0", "Input should be greater than 0"),
        ("STRIPE_TIMEOUT_SECONDS", "0", "Input should be greater than 0"),
        ("LEASE_SECONDS", "-9", "Input should be greater than 0"),
        ("WORKER_TICK_SECONDS", "0", "Input should be greater than 0"),
        ("POLL_INTERVAL_SECONDS", "604801", "Input should be less than or equal to 604800"),
        ("UNKNOWN_GRACE_SECONDS", "nan", "Input should be less than or equal to 604800"),
        ("STRIPE_KEY_LIFE_SECONDS", "82801", "Input should be less than or equal to 82800"),
        ("REQUEST_BUDGET_SECONDS", "61", "Input should be less than or equal to 60"),
        ("REQUEST_BUDGET_SECONDS", "-1", "Input should be greater than or equal to 0"),
        ("WORKER_POLLER", "9f8e7d6c", "Input should be a valid boolean, unable to interpret input"),
    ],
)
def test_one_bad_value_is_named_and_not_shown(environment: Environment, name: str, value: str, reason: str) -> None:
    problems = environment.refusal({name: value})

    assert problems == [f"{name}: {reason}"]
    assert "9f8e7d6c" not in problems[0]


def test_an_unknown_currency_is_named(environment: Environment) -> None:
    problems = environment.refusal({"CURRENCIES": "usd,XXX,zzz"})

    assert problems == ["CURRENCIES: has codes that Stripe does not know: XXX, ZZZ"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11])
def test_no_refusal_shows_a_secret(environment: Environment, size: int) -> None:
    """All secrets are set and each refusal is provoked, so that any of them could show one."""
    bad: dict[str, str] = {
        "ENVIRONMENT": "test",
        "SANDBOX_FAULTS": "perhaps",
        "LEASE_SECONDS": "0",
        "AUTH_JWKS_URL": "ftp://id.example",
        "CURRENCIES": "",
        "STRIPE_API_BASE": "http://elsewhere.example",
        "STRIPE_SECRET_KEY": f"pk{LIVE_KEY}",
        "STRIPE_WEBHOOK_SECRETS": f"x{WEBHOOK_SECRET}",
        "AUTH_JWT_SECRET": JWT_SECRET[:31],
        "DATABASE_POOL_SIZE": "many",
        "LOG_FORMAT": "loud",
    }
    given = {**LIVE, **dict(list(bad.items())[:size])}

    with pytest.raises(SettingsError) as caught:
        environment.load(given)

    shown = f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r} {caught.value.__suppress_context__}"
    assert shown.endswith("None True")
    for secret in (LIVE_KEY, WEBHOOK_SECRET, JWT_SECRET[:31], PASSWORD):
        assert secret not in shown


def test_settings_do_not_show_their_secrets(environment: Environment) -> None:
    settings = environment.load(LIVE)

    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        for secret in (LIVE_KEY, WEBHOOK_SECRET, JWT_SECRET, PASSWORD):
            assert secret not in shown


def test_settings_do_not_change(environment: Environment) -> None:
    settings = environment.load({})

    with pytest.raises(ValueError, match="frozen"):
        settings.stripe_secret_key = SecretStr(LIVE_KEY)


def test_lists_are_separated_by_commas(environment: Environment) -> None:
    settings = environment.load(
        {
            **TESTING,
            "STRIPE_WEBHOOK_SECRETS": f" {WEBHOOK_SECRET} , whsec_old,",
            "CURRENCIES": "usd, JPY",
            "ALLOWED_ORIGINS": "https://shop.example,https://staff.example",
            "ALLOWED_HEADERS": "x-shop-version, X-Tenant-*",
            "RETURN_URL_SCHEMES": "MyApp, com.example.shop",
            "EXCLUDED_PAYMENT_METHOD_TYPES": "klarna, us_bank_account",
        }
    )

    assert [secret.get_secret_value() for secret in settings.stripe_webhook_secrets] == [WEBHOOK_SECRET, "whsec_old"]
    assert settings.currencies == {"USD", "JPY"}
    assert settings.allowed_origins == ("https://shop.example", "https://staff.example")
    assert settings.return_url_schemes == {"myapp", "com.example.shop"}
    assert settings.allowed_headers == ("x-shop-version", "X-Tenant-*")
    assert settings.excluded_payment_method_types == {"klarna", "us_bank_account"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ALLOWED_PAYMENT_METHOD_TYPES": "card,klara"}, "ALLOWED_PAYMENT_METHOD_TYPES: .*klara"),
        ({"EXCLUDED_PAYMENT_METHOD_TYPES": "card,link"}, "EXCLUDED_PAYMENT_METHOD_TYPES: .*link"),  # Stripe has none
        (
            {"ALLOWED_PAYMENT_METHOD_TYPES": "card", "EXCLUDED_PAYMENT_METHOD_TYPES": "klarna"},
            "ALLOWED_PAYMENT_METHOD_TYPES and EXCLUDED_PAYMENT_METHOD_TYPES: set only one",
        ),
    ],
)
def test_wrong_types_of_methods_and_two_lists_of_them_are_refused(
    environment: Environment, given: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        environment.load(given)


@pytest.mark.parametrize("base", ["https://stripe.example/", "http://127.0.0.1:12111/", "http://[::1]:12111/"])
def test_another_stripe_may_be_near_or_encrypted(environment: Environment, base: str) -> None:
    assert environment.load({"STRIPE_API_BASE": base}).stripe_api_base == base.removesuffix("/")


def test_the_environment_wins_over_the_file(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LEASE_SECONDS=31\nWORKER_TICK_SECONDS=3\n")

    settings = environment.load({"LEASE_SECONDS": "47"})

    assert (settings.lease_seconds, settings.worker_tick_seconds) == (47, 3)


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [("LIVE_DOORBELL", "false", "live_notifications", False), ("WORKER_LANES", "3", "worker_concurrency", 3)],
)
def test_the_names_of_the_release_before_are_accepted(
    environment: Environment, tmp_path: Path, name: str, value: str, field: str, read: object
) -> None:
    assert getattr(environment.load({name: value}), field) == read

    (tmp_path / ".env").write_text(f"{name}={value}\n")
    assert getattr(environment.load({}), field) == read


def test_a_wrong_value_is_told_by_the_setting_of_today(environment: Environment) -> None:
    with pytest.raises(SettingsError, match="WORKER_CONCURRENCY"):
        environment.load({"WORKER_LANES": "0"})


def test_the_example_names_every_setting_and_nothing_else() -> None:
    named = re.findall(r"^#?\s?([A-Z][A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)

    assert sorted(named) == sorted(name.upper() for name in Settings.model_fields)


def test_the_example_copied_as_it_is_changes_nothing(environment: Environment, tmp_path: Path) -> None:
    unset = environment.load({})

    (tmp_path / ".env").write_text(EXAMPLE.read_text())

    assert environment.load({}) == unset


@pytest.mark.parametrize("mode", ["off", "allowed", "enforced"])
def test_a_router_may_send_documents_of_its_own(environment: Environment, mode: str) -> None:
    given = {"FEDERATION": "true", "TRUSTED_DOCUMENTS": "manifest.json", "TRUSTED_DOCUMENTS_MODE": mode}

    if mode != "enforced":
        assert environment.load(given).federation
        return
    assert environment.refusal(given) == [
        "TRUSTED_DOCUMENTS_MODE must not be enforced with FEDERATION: routers write their documents"
    ]
