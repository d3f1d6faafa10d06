"""The settings: read once from the environment and `.env`, checked, frozen. Only composers read them."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.checkout.method_types import ALLOWABLE, EXCLUDABLE
from domain.currencies import CURRENCIES, DEFAULT_CURRENCIES
from domain.loopback import LOOPBACK, is_loopback
from domain.text import is_apps_own_scheme

SHORTEST_JWT_SECRET: Final = 32  # bytes; RFC 7518, 3.2
LIVE: Final = ("sk_live_", "rk_live_")
TEST: Final = ("sk_test_", "rk_test_")
PUBLISHABLE: Final = ("pk_live_", "pk_test_")
ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@*\sA-Z]+")
HEADER: Final = re.compile(r"[A-Za-z0-9_-]+\*?")
METHOD_TYPES: Final = ("allowed_payment_method_types", "excluded_payment_method_types")
LISTS: Final = ("stripe_webhook_secrets", "allowed_origins", "allowed_headers", "currencies", "return_url_schemes")
SIGNING: Final = "whsec_"
SHORTEST_WEBHOOK_SECRET: Final = 16  # characters behind the prefix; Stripe's have 32 and more
FEWEST_CHARACTERS: Final = 8  # distinct ones, in a secret that was drawn at random
ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
Seconds = Annotated[float, Field(gt=0, le=604_800)]
Positive = Annotated[int, Field(gt=0, le=1_000_000_000)]


class SettingsError(Exception):
    """The environment cannot be used; the text names each variable and its allowed values, without its value."""


class Settings(BaseSettings):
    """All settings. The environment variable is the name in upper case; see .env.example."""

    model_config = SettingsConfigDict(
        env_file=".env", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    environment: Literal["development", "test", "production"] = "development"
    database_url: SecretStr | None = None
    database_pool_size: Annotated[int, Field(ge=2, le=500)] = 10
    database_acquire_timeout_seconds: Seconds = 5.0

    stripe_secret_key: SecretStr | None = None
    stripe_api_base: str | None = None
    stripe_webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    stripe_account: Annotated[str | None, Field(pattern=r"^acct_[A-Za-z0-9]{1,250}$")] = None
    stripe_publishable_key: str | None = None

    auth_jwt_secret: SecretStr | None = None
    auth_jwks_url: str | None = None
    auth_issuer: str | None = None
    auth_audience: str | None = None

    currencies: Annotated[frozenset[str], NoDecode] = DEFAULT_CURRENCIES
    return_url_schemes: Annotated[frozenset[str], NoDecode] = frozenset()
    statement_descriptor_prefix: Annotated[str | None, Field(min_length=2, max_length=10)] = None
    shared_payment_tokens: bool = False
    allowed_payment_method_types: Annotated[frozenset[str], NoDecode] = frozenset()
    excluded_payment_method_types: Annotated[frozenset[str], NoDecode] = frozenset()
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    allowed_headers: Annotated[tuple[str, ...], NoDecode] = ()

    rate_limits: Literal["process", "database", "off"] = "process"
    buyer_cost_limit: Positive = 500
    staff_cost_limit: Positive = 10_000
    buyer_points: Positive = 1_000
    buyer_points_per_second: Positive = 50
    address_points: Positive = 10_000
    address_points_per_second: Positive = 500
    staff_points: Positive = 50_000
    staff_points_per_second: Positive = 2_000
    buyer_payments_per_minute: Positive = 10
    address_payments_per_minute: Positive = 100
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0

    connections: Annotated[int, Field(ge=16, le=1_000_000)] = 4_096
    connections_per_address: Positive = 256
    streams_per_address: Positive = 100
    header_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    idle_seconds: Annotated[float, Field(gt=0, le=3_600)] = 5.0

    trusted_documents: Path | None = None
    trusted_documents_mode: Literal["off", "allowed", "enforced"] = "off"
    execution: Literal["planned", "graphql-core"] = "planned"
    federation: bool = False

    stripe_timeout_seconds: Seconds = 20.0
    stripe_requests_per_second: Annotated[float, Field(gt=0, le=10_000)] = 100.0
    stripe_requests_per_endpoint: Annotated[float, Field(gt=0, le=10_000)] = 25.0
    lease_seconds: Seconds = 60.0
    worker_tick_seconds: Seconds = 0.5
    worker_concurrency: int = Field(
        default=8, ge=1, le=100, validation_alias=AliasChoices("worker_concurrency", "worker_lanes")
    )
    poll_interval_seconds: Seconds = 60.0
    sweep_interval_seconds: Seconds = 86_400.0
    reconcile_interval_seconds: Seconds = 86_400.0
    unknown_grace_seconds: Seconds = 60.0
    stripe_key_life_seconds: Annotated[float, Field(gt=0, le=82_800)] = 72_000.0
    sticky_error_seconds: Annotated[float, Field(gt=0, le=82_800)] = 900.0
    review_interval_seconds: Seconds = 3600.0
    request_budget_seconds: Annotated[float, Field(ge=0, le=60)] = 8.0
    live_poll_seconds: Annotated[float, Field(gt=0, le=300)] = 3.0
    live_notifications: bool = Field(default=True, validation_alias=AliasChoices("live_notifications", "live_doorbell"))

    repair_on_read: bool = True
    worker_webhooks: bool = True
    worker_janitor: bool = True
    worker_poller: bool = True
    worker_sweeper: bool = True
    worker_reconciler: bool = True

    explorer: bool | None = None
    paygraph_dir: Path = Path(".paygraph")
    sandbox_faults: bool = False
    log_format: Literal["console", "json"] = "console"

    @property
    def livemode(self) -> bool:
        """True if Stripe's key moves real money."""
        return _secret(self.stripe_secret_key).startswith(LIVE)

    @property
    def offline(self) -> bool:
        """True if the offline Stripe is used."""
        return self.stripe_secret_key is None

    @property
    def shows_explorer(self) -> bool:
        """True if the explorer is served: outside production, unless EXPLORER says otherwise."""
        return self.environment != "production" if self.explorer is None else self.explorer

    @property
    def shows_checkout(self) -> bool:
        """True if the example checkout is served; production has a checkout of its own."""
        return self.environment != "production"

    @property
    def state_dir(self) -> Path:
        """The folder of the demo's own data and generated secrets."""
        return self.paygraph_dir

    @classmethod
    def load(cls) -> "Settings":
        """Read the settings of this process. Raises SettingsError."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None

    @field_validator(*LISTS, *METHOD_TYPES, mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("currencies")
    @classmethod
    def _known_currencies(cls, value: frozenset[str]) -> frozenset[str]:
        upper = frozenset(code.upper() for code in value)
        if unknown := upper - set(CURRENCIES):
            raise ValueError(f"has codes that Stripe does not know: {', '.join(sorted(unknown))}")
        if not upper:
            raise ValueError("must name at least one currency")
        return upper

    @field_validator(*METHOD_TYPES)
    @classmethod
    def _are_method_types(cls, value: frozenset[str], field: ValidationInfo) -> frozenset[str]:
        if unknown := value - (EXCLUDABLE if field.field_name == "excluded_payment_method_types" else ALLOWABLE):
            raise ValueError(f"has types that Stripe does not take here: {', '.join(sorted(unknown))}")
        return value

    @field_validator("return_url_schemes")
    @classmethod
    def _are_apps_own(cls, value: frozenset[str]) -> frozenset[str]:
        lower = frozenset(scheme.lower() for scheme in value)
        if not all(is_apps_own_scheme(scheme) for scheme in lower):
            raise ValueError("must list schemes of your own apps, like myapp; none that browsers act on")
        return lower

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("must list origins as browsers send them, like https://shop.example: no path, no wildcard")
        return value

    @field_validator("allowed_headers")
    @classmethod
    def _are_header_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(HEADER.fullmatch(name) for name in value):
            raise ValueError("must list names of request headers, like x-shop-version; x-shop-* is all that begin so")
        return value

    @field_validator("stripe_secret_key")
    @classmethod
    def _is_a_secret_key(cls, value: SecretStr | None) -> SecretStr | None:
        key = _secret(value)
        if value is not None and (not key.startswith((*LIVE, *TEST)) or key in (*LIVE, *TEST)):
            raise ValueError("must begin with sk_test_, rk_test_, sk_live_ or rk_live_")
        return value

    @field_validator("stripe_publishable_key")
    @classmethod
    def _is_a_publishable_key(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(PUBLISHABLE):
            raise ValueError("must begin with pk_test_ or pk_live_; it is shown to every browser")
        return value

    @field_validator("stripe_webhook_secrets")
    @classmethod
    def _are_webhook_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        secrets = [secret.get_secret_value() for secret in value]
        if any(not secret.startswith(SIGNING) or secret == SIGNING for secret in secrets):
            raise ValueError("must be a comma-separated list of secrets that begin with whsec_")
        return value

    @field_validator("stripe_api_base")
    @classmethod
    def _is_safe_base(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
            return value.rstrip("/")
        raise ValueError("must be an https address, or http on 127.0.0.1")

    @field_validator("auth_jwt_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < SHORTEST_JWT_SECRET:
            raise ValueError(f"must have at least {SHORTEST_JWT_SECRET} bytes")
        return value

    @field_validator("auth_jwks_url")
    @classmethod
    def _is_safe_keys_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
                raise ValueError("must be an https address, or http on 127.0.0.1")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        problems = [*_stripe_problems(self), *_production_problems(self), *_limit_problems(self)]
        if self.auth_jwt_secret is not None and self.auth_jwks_url is not None:
            problems.append("AUTH_JWT_SECRET and AUTH_JWKS_URL: set only one of them")
        if self.lease_seconds <= self.stripe_timeout_seconds and self.environment != "test":
            problems.append("LEASE_SECONDS must be longer than STRIPE_TIMEOUT_SECONDS, or live work is taken over")
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _stripe_problems(settings: Settings) -> list[str]:
    problems = []
    if settings.livemode and settings.environment != "production":
        problems.append("STRIPE_SECRET_KEY is a live key, and ENVIRONMENT is not production: use a test key")
    if not settings.offline and not settings.stripe_webhook_secrets:
        problems.append("STRIPE_WEBHOOK_SECRETS must be set beside STRIPE_SECRET_KEY: webhooks are always verified")
    if settings.livemode and is_loopback(urlsplit(settings.stripe_api_base or "").hostname or ""):
        problems.append("STRIPE_API_BASE is on this machine, and STRIPE_SECRET_KEY is a live key: no money would move")
    if settings.allowed_payment_method_types and settings.excluded_payment_method_types:
        problems.append("ALLOWED_PAYMENT_METHOD_TYPES and EXCLUDED_PAYMENT_METHOD_TYPES: set only one of them")
    published = settings.stripe_publishable_key
    if published is not None and settings.offline:
        problems.append("STRIPE_PUBLISHABLE_KEY needs STRIPE_SECRET_KEY: the offline Stripe has no Payment Element")
    elif published is not None and published.startswith("pk_live_") != settings.livemode:
        problems.append("STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY: one is a live key, the other a test key")
    return problems


def _limit_problems(settings: Settings) -> list[str]:
    """Refuse a bucket that holds less than one document may cost: it would never let the document through."""
    problems = []
    for points, cost in (
        ("buyer_points", "buyer_cost_limit"),
        ("address_points", "buyer_cost_limit"),
        ("staff_points", "staff_cost_limit"),
    ):
        if getattr(settings, points) < getattr(settings, cost):
            problems.append(f"{points.upper()} must be at least {cost.upper()}")
    if settings.trusted_documents is None and settings.trusted_documents_mode != "off":
        problems.append("TRUSTED_DOCUMENTS must name a manifest unless TRUSTED_DOCUMENTS_MODE is off")
    if settings.federation and settings.trusted_documents_mode == "enforced":
        problems.append("TRUSTED_DOCUMENTS_MODE must not be enforced with FEDERATION: routers write their documents")
    return problems


def _production_problems(settings: Settings) -> list[str]:
    if settings.environment != "production":
        return []
    problems = []
    if settings.offline:
        problems.append(
            "STRIPE_SECRET_KEY must be set when ENVIRONMENT is production: the offline Stripe takes no money"
        )
    elif not settings.livemode:
        problems.append("STRIPE_SECRET_KEY is a test key, and ENVIRONMENT is production: use a live key")
    if settings.database_url is None:
        problems.append(
            "DATABASE_URL must be set when ENVIRONMENT is production: the embedded PostgreSQL trusts everybody"
        )
    if settings.auth_jwt_secret is None and settings.auth_jwks_url is None:
        problems.append("AUTH_JWT_SECRET or AUTH_JWKS_URL must be set when ENVIRONMENT is production")
    if settings.sandbox_faults:
        problems.append("SANDBOX_FAULTS must not be set when ENVIRONMENT is production")
    if settings.rate_limits == "off":
        problems.append("RATE_LIMITS must not be off when ENVIRONMENT is production: one caller could take it all")
    return [*problems, *_guessable(settings), *_foreign_tokens(settings), *_in_the_clear(settings)]


def _guessable(settings: Settings) -> list[str]:
    """Refuse secrets that anybody could guess, to sign as Stripe or as a caller."""
    problems = []
    shortest = len(SIGNING) + SHORTEST_WEBHOOK_SECRET
    if any(len(secret.get_secret_value()) < shortest for secret in settings.stripe_webhook_secrets):
        problems.append(
            f"STRIPE_WEBHOOK_SECRETS must have at least {SHORTEST_WEBHOOK_SECRET} characters behind whsec_ when"
            " ENVIRONMENT is production: whoever guesses one can say that an order is paid"
        )
    secret = settings.auth_jwt_secret
    if secret is not None and len(set(secret.get_secret_value())) < FEWEST_CHARACTERS:
        problems.append(
            f"AUTH_JWT_SECRET must have at least {FEWEST_CHARACTERS} different characters when ENVIRONMENT is"
            " production: draw one, such as with `openssl rand -base64 32`"
        )
    return problems


def _foreign_tokens(settings: Settings) -> list[str]:
    """Refuse tokens that an identity provider has signed for another application."""
    if settings.auth_jwks_url is None:
        return []
    return [
        f"{name} must be set beside AUTH_JWKS_URL when ENVIRONMENT is production: else tokens for others are accepted"
        for name, value in (("AUTH_ISSUER", settings.auth_issuer), ("AUTH_AUDIENCE", settings.auth_audience))
        if value is None or not value.strip()
    ]


def _in_the_clear(settings: Settings) -> list[str]:
    """Refuse a database over a network without TLS; loopback and sockets are no network."""
    if settings.database_url is None:
        return []
    try:
        parts = urlsplit(settings.database_url.get_secret_value())
        query = dict(parse_qsl(parts.query))
        hosts = (query.get("host") or unquote(parts.hostname or "localhost")).split(",")
    except ValueError:
        return []  # opening the database reports the malformed address
    if query.get("sslmode") in ENCRYPTED or all(host.startswith("/") or is_loopback(host) for host in hosts):
        return []
    return [
        "DATABASE_URL must have sslmode=verify-full, verify-ca or require when ENVIRONMENT is production and the"
        " database is on another machine: without it, TLS may be left out"
    ]


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""


class StripeAccess(BaseSettings):
    """The settings of a command that needs Stripe alone: a part of the variables, under their names in `Settings`."""

    model_config = Settings.model_config

    stripe_secret_key: SecretStr | None = None
    stripe_api_base: str | None = None
    stripe_account: str | None = None

    @classmethod
    def load(cls) -> "StripeAccess":
        """Read the settings of this process, unchecked: the command reports what it cannot use."""
        return cls()


def _explain(error: ValidationError) -> str:
    lines = ["The settings cannot be used:"]
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["loc"]:
            lines.append(f"  {str(problem['loc'][0]).upper()}: {message}")
        else:
            lines += [f"  {line}" for line in message.splitlines()]
    return "\n".join([*lines, "See .env.example for every variable."])
