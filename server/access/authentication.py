"""Authentication: turn a JWT bearer token into a `Caller`, or refuse the request without giving a reason.

Two kinds of token exist. An access token carries a subject and scopes. It is signed with the shared secret (HS256) or
by an identity provider that publishes its keys (JWKS). A view token is signed here: it lives for minutes, names one
order and allows nothing but reading that order.
"""

import asyncio
import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import jwt
import structlog

from domain.caller import LEEWAY, Caller, Scope
from domain.errors import DomainError
from domain.text import clean_id

log = structlog.stdlib.get_logger("server.callers")

SHARED_ALGORITHM: Final = "HS256"
PUBLISHED_ALGORITHMS: Final = (
    "RS256",
    "ES256",
    "EdDSA",
)  # Pinned: the algorithm is never taken from the token's own header.
MAX_TOKEN: Final = 8_192
MAX_SUBJECT: Final = 255
SHORTEST_SECRET: Final = 32  # Bytes; RFC 7518, 3.2: an HS256 key is at least as long as its hash.
KEYS_FRESH_SECONDS: Final = 300.0
KEYS_STALE_SECONDS: Final = 3_600.0
KEYS_RETRY_SECONDS: Final = 5.0  # After a failed fetch: an outage must not be multiplied by every request.
VERIFIED_SECONDS: Final = 60.0
VERIFIED_TOKENS: Final = 10_000
VIEW_TYPE: Final = "view+jwt"
VIEW_PREFIX: Final = "view:"
NO_CUSTOMER: Final = ""
SCOPE_CLAIMS: Final = ("scope", "scp")
NO_SCOPE_SECONDS: Final = 60.0


class Unauthenticated(Exception):
    """A refused token, without the reason: the reason would help only an attacker."""

    def __init__(self) -> None:
        super().__init__("The bearer token is not valid.")


class KeysUnavailable(Exception):
    """The identity provider's keys cannot be fetched, so no token can be verified."""


class Authenticator:
    """The callers of this installation: reads Authorization headers and signs view tokens.

    Needs `secret` or `jwks_url`, or both. View tokens are signed with a key derived from `view_secret`, by default from
    `secret`; every process must hold the same one. Raises ValueError for a missing or short secret.
    """

    def __init__(
        self,
        *,
        secret: str | None = None,
        jwks_url: str | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        view_secret: str | None = None,
    ) -> None:
        if secret is None and jwks_url is None:
            raise ValueError("Set AUTH_JWT_SECRET or AUTH_JWKS_URL: without one, nobody can sign in.")
        for one in (secret, view_secret):
            if one is not None:
                check_secret(one)
        self._secret = secret
        self._keys = PublishedKeys(jwks_url) if jwks_url else None
        self._issuer = issuer
        self._audience = audience
        basis = view_secret or secret
        self._view_key = None if basis is None else _view_key(basis)
        self._verified = VerifiedTokens()
        self._no_scope = NoScopeLog()

    async def authenticate(self, authorization: str | None) -> Caller | None:
        """Return the caller of this Authorization header; None for no header, which means anonymous.

        Raises Unauthenticated for anything but one valid bearer token, KeysUnavailable when the token cannot be
        checked.
        """
        if authorization is None:
            return None
        token = _bearer(authorization)
        name = hashlib.sha256(token.encode()).digest()
        if known := self._verified.find(name):
            return known
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") == VIEW_TYPE:
                caller, fresh_until = self._view_caller(token), math.inf
            else:
                claims, fresh_until = await self._verify_access(token, header)
                caller = _caller(claims)
                self._no_scope.report(caller, claims)
            self._verified.keep(name, caller, fresh_until)
            return caller
        except (jwt.PyJWTError, DomainError, ValueError, TypeError, OverflowError, RecursionError):
            # PyJWT answers most malformed tokens with its own errors, but not all (surrogates, huge numbers).
            raise Unauthenticated from None

    def sign_view_token(self, order_id: UUID, customer_id: UUID | None, ttl: timedelta) -> str:
        """Sign a token that shows this customer one order until `ttl` has passed, and allows nothing else.

        `customer_id` None is for an order without a customer: the token shows the order for as long as it has none.
        Raises RuntimeError when no shared secret is configured.
        """
        if self._view_key is None:
            raise RuntimeError("View tokens need AUTH_JWT_SECRET.")
        claims = {
            "view_order": str(order_id),
            "view_customer": str(customer_id) if customer_id is not None else NO_CUSTOMER,
            "exp": datetime.now(UTC) + ttl,
        }
        return jwt.encode(claims, self._view_key, algorithm=SHARED_ALGORITHM, headers={"typ": VIEW_TYPE})

    def _view_caller(self, token: str) -> Caller:
        if self._view_key is None:
            raise Unauthenticated
        claims = jwt.decode(
            token,
            self._view_key,
            algorithms=[SHARED_ALGORITHM],
            leeway=LEEWAY,
            options={"require": ["exp", "view_order", "view_customer"]},
        )
        order, customer = claims["view_order"], claims["view_customer"]
        if not isinstance(order, str) or not isinstance(customer, str):
            raise Unauthenticated
        order_id = UUID(order)
        return Caller(
            subject=f"{VIEW_PREFIX}{order_id}",
            scopes=frozenset(),
            expires_at=_expiry(claims),
            order_id=order_id,
            customer_id=UUID(customer) if customer != NO_CUSTOMER else None,
        )

    async def _verify_access(self, token: str, header: Mapping[str, object]) -> tuple[Mapping[str, object], float]:
        """Return the claims, and until when the key that verified them counts as fresh."""
        key: str | jwt.PyJWK
        fresh_until = math.inf
        if self._secret is not None and header.get("alg") == SHARED_ALGORITHM:
            key, algorithms = self._secret, [SHARED_ALGORITHM]
        elif self._keys is not None and header.get("alg") in PUBLISHED_ALGORITHMS:
            key, fresh_until = await self._keys.find(header.get("kid"))
            algorithms = list(PUBLISHED_ALGORITHMS)
        else:
            raise Unauthenticated
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY,
            options={
                "require": ["exp", "sub"],
                "verify_aud": self._audience is not None,
                "verify_iss": self._issuer is not None,
            },
        )
        return claims, fresh_until


class NoScopeLog:
    """Logs that valid tokens carry no scope of ours, with the types of their claims but never the values.

    At most once a minute: a client that has one such token may have any number of them.
    """

    def __init__(self) -> None:
        self._silent_until = -math.inf

    def report(self, caller: Caller, claims: Mapping[str, object]) -> None:
        now = time.monotonic()
        if caller.scopes or now < self._silent_until:
            return
        self._silent_until = now + NO_SCOPE_SECONDS
        log.warning(
            "callers.no_scope",
            **{claim: _form(claims, claim) for claim in SCOPE_CLAIMS},
            expected="words of ours in `scope` or `scp`, in a text or a list",
        )


class VerifiedTokens:
    """A cache of verified tokens, by their hashes: verifying a signature costs more than most queries.

    A token is verified again after a minute, and is never accepted beyond its own expiry or its key's freshness.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[Caller, float, float]] = OrderedDict()

    def find(self, name: bytes) -> Caller | None:
        known = self._known.get(name)
        if known is None:
            return None
        caller, ends, verify_at = known
        if ends <= time.time() or verify_at <= time.monotonic():
            del self._known[name]
            return None
        return caller

    def keep(self, name: bytes, caller: Caller, fresh_until: float) -> None:
        assert caller.ends_at is not None, "every token has an end"
        verify_at = min(fresh_until, time.monotonic() + VERIFIED_SECONDS)
        self._known[name] = (caller, caller.ends_at.timestamp(), verify_at)
        if len(self._known) > VERIFIED_TOKENS:
            self._known.popitem(last=False)


class PublishedKeys:
    """The signing keys of an identity provider, fetched in a thread and kept for five minutes.

    An unknown key id may cause a fetch, but PyJWT's cooldown and ours keep invalid tokens from loading the provider.
    """

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, timeout=5, lifespan=KEYS_FRESH_SECONDS)
        self._found: dict[str, tuple[jwt.PyJWK, float]] = {}
        self._retry_at = 0.0
        self._lock = asyncio.Lock()

    async def find(self, kid: object) -> tuple[jwt.PyJWK, float]:
        """Return the key with this id, and until when (monotonic) it is fresh; a moment in the past for a stale key.

        Raises Unauthenticated when the provider has no such key, KeysUnavailable when the provider cannot be reached.
        """
        if not isinstance(kid, str) or not 0 < len(kid) <= 255:
            raise Unauthenticated
        known = self._found.get(kid)
        if known is not None and known[1] > time.monotonic():
            return known
        async with self._lock:
            if self._retry_at > time.monotonic():
                return _stale(known)
            try:
                key = await asyncio.to_thread(self._client.get_signing_key, kid)
            except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, OSError, ValueError) as error:
                self._retry_at = time.monotonic() + KEYS_RETRY_SECONDS
                log.error("callers.keys_unavailable", cause=type(error).__name__)
                return _stale(known)
            except jwt.PyJWTError:
                raise Unauthenticated from None
        if len(self._found) >= 64:
            self._found.clear()
        self._found[kid] = (key, time.monotonic() + KEYS_FRESH_SECONDS)
        return self._found[kid]


def _stale(known: tuple[jwt.PyJWK, float] | None) -> tuple[jwt.PyJWK, float]:
    """Return a stale key during a provider outage, for up to an hour: known callers stay signed in."""
    if known is None or known[1] + KEYS_STALE_SECONDS < time.monotonic():
        raise KeysUnavailable
    return known


def sign_token(
    secret: str,
    subject: str,
    scopes: Iterable[Scope],
    ttl: timedelta,
    issuer: str | None = None,
    audience: str | None = None,
) -> str:
    """Sign an access token for `subject` with `scopes`, valid for `ttl`.

    Raises ValueError for a short secret or a subject that `authenticate` would refuse.
    """
    check_secret(secret)
    try:
        _subject(subject)
    except Unauthenticated:
        raise ValueError("The subject must be 1 to 255 plain characters without spaces around it.") from None
    except DomainError as refusal:
        raise ValueError(f"The subject cannot be used: {refusal.message}") from None
    now = datetime.now(UTC)
    claims: dict[str, object] = {
        "sub": subject,
        "scope": " ".join(sorted(scope.value for scope in scopes)),
        "iat": now,
        "exp": now + ttl,
    }
    if issuer is not None:
        claims["iss"] = issuer
    if audience is not None:
        claims["aud"] = audience
    return jwt.encode(claims, secret, algorithm=SHARED_ALGORITHM)


def check_secret(secret: str) -> None:
    """Raise ValueError unless the secret is long enough for HS256. The message never holds the secret."""
    if len(secret.encode()) < SHORTEST_SECRET:
        raise ValueError(f"AUTH_JWT_SECRET must be at least {SHORTEST_SECRET} bytes long.")


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token or " " in token or len(token) > MAX_TOKEN or not token.isascii():
        raise Unauthenticated
    return token


def _caller(claims: Mapping[str, object]) -> Caller:
    try:
        subject = _subject(claims["sub"])
    except DomainError as refusal:
        # The signature is genuine, so the shop's own developers made this token: they are told why it is refused.
        log.warning("callers.subject_refused", reason=refusal.message)
        raise
    return Caller(subject=subject, scopes=_scopes(claims), expires_at=_expiry(claims))


def _scopes(claims: Mapping[str, object]) -> frozenset[Scope]:
    """Read our scopes from a token: `scope` (RFC 8693) or `scp` (Okta, Entra), a space-separated text or a list."""
    words = {word for claim in SCOPE_CLAIMS for word in _words(claims.get(claim))}
    return frozenset(scope for scope in Scope if scope.value in words)


def _words(value: object) -> list[str]:
    """Split a claim into words; empty for a claim that is neither a text nor a list. The token's length bounds them."""
    if isinstance(value, str):
        return value.split(" ")
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _form(claims: Mapping[str, object], claim: str) -> str:
    if claim not in claims:
        return "absent"
    return "no words of ours" if isinstance(claims[claim], str | list) else "neither a text nor a list"


def _subject(value: object) -> str:
    """Return the subject when it is a valid external id that no view token would use.

    Raises Unauthenticated, or DomainError with the reason for a text that cannot be an id.
    """
    if not isinstance(value, str) or not value or value != value.strip() or value.startswith(VIEW_PREFIX):
        raise Unauthenticated
    if clean_id(value, path=("sub",), max_length=MAX_SUBJECT) != value:
        raise Unauthenticated
    return value


def _expiry(claims: Mapping[str, object]) -> datetime:
    expiry = claims["exp"]
    if not isinstance(expiry, (int, float)):
        raise Unauthenticated
    return datetime.fromtimestamp(expiry, UTC)


def _view_key(secret: str) -> bytes:
    """Derive the key for view tokens alone: a view token never passes as an access token, nor the reverse."""
    return hmac.new(secret.encode(), b"paygraph view token 1", hashlib.sha256).digest()
