"""Authentication: only a well-signed, current token with a valid subject makes a caller."""

import asyncio
import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from domain.caller import Scope
from server.access.authentication import (
    KEYS_FRESH_SECONDS,
    KEYS_STALE_SECONDS,
    Authenticator,
    KeysUnavailable,
    Unauthenticated,
    sign_token,
)
from tests.server.shop import CARD, MINUTE, SECRET

ORDER = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
BUYER = UUID("01890a5d-ac96-774b-bcce-b302099a8058")
OTHER_SECRET = "another-secret-that-is-also-long-enough"
PAY = Scope("payments:pay")
READ = Scope("payments:read")


def token(secret: str = SECRET, algorithm: str = "HS256", typ: str | None = None, **claims: object) -> str:
    complete = {"sub": "ada", "exp": datetime.now(UTC) + MINUTE} | claims
    present = {name: value for name, value in complete.items() if value is not None}
    return jwt.encode(present, secret, algorithm=algorithm, headers={"typ": typ} if typ else None)


async def refused(callers: Authenticator, authorization: str) -> bool:
    try:
        await callers.authenticate(authorization)
    except Unauthenticated as error:
        return str(error) == "The bearer token is not valid."
    return False


async def test_no_header_is_nobody() -> None:
    assert await Authenticator(secret=SECRET).authenticate(None) is None


async def test_a_signed_token_names_the_caller_and_its_scopes() -> None:
    text = sign_token(SECRET, "ada", [READ, PAY], MINUTE, issuer="shop", audience="paygraph")
    callers = Authenticator(secret=SECRET, issuer="shop", audience="paygraph")

    caller = await callers.authenticate(f"bearer  {text}")

    assert caller is not None
    assert caller.subject == "ada"
    assert caller.scopes == {PAY, READ}
    assert caller.expires_at is not None
    assert timedelta(0) < caller.expires_at - datetime.now(UTC) <= MINUTE
    assert caller.order_id is None


def now(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"sub": None},
        {"exp": -31},
        {"nbf": 60},
        {"iat": 60},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 10**400},
        {"sub": ""},
        {"sub": " ada"},
        {"sub": "ada "},
        {"sub": "a" * 256},
        {"sub": "a\u0000b"},
        {"sub": "a\nb"},
        {"sub": "a\u202eb"},
        {"sub": f"card {CARD}"},
        {"sub": f"view:{ORDER}"},
    ],
    ids=ascii,
)
async def test_claims_that_do_not_name_a_current_clean_subject_are_refused(claims: dict[str, Any]) -> None:
    # Small numbers are seconds from now: the test may run long after it was collected.
    dated: dict[str, Any] = {
        name: now(value) if type(value) is int and value < 100 else value for name, value in claims.items()
    }

    assert await refused(Authenticator(secret=SECRET), f"Bearer {token(**dated)}")


async def test_clocks_may_differ_by_half_a_minute() -> None:
    assert await Authenticator(secret=SECRET).authenticate(f"Bearer {token(exp=now(-25))}")
    assert await Authenticator(secret=SECRET).authenticate(f"Bearer {token(nbf=now(25))}")


def forged(header: dict[str, object], claims: dict[str, object]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join(parts) + "."


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Token {good}",
        "{good}",
        "Bearer {good} {good}",
        "Bearer {good}x",
        "Bearer {foreign}",
        "Bearer {long_hash}",
        "Bearer {none}",
        "Bearer {unsigned}",
        "Bearer {odd_algorithm}",
        "Bearer {empty}",
        "Bearer {nested}",
        "Bearer {long}",
        "Bearer a.b.c",
        "Bearer ...",
        "Bearer é",
    ],
)
async def test_forged_and_malformed_headers_are_refused(authorization: str) -> None:
    claims: dict[str, object] = {"sub": "ada", "exp": 4102444800}
    tokens = {
        "good": token(),
        "foreign": token(OTHER_SECRET),
        "long_hash": token(SECRET * 2, algorithm="HS512"),
        "none": forged({"alg": "none", "typ": "JWT"}, claims),
        "unsigned": forged({"alg": "HS256"}, claims),
        "odd_algorithm": forged({"alg": ["HS256"]}, claims),
        "empty": forged({}, {}),
        "nested": base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.e30",
        "long": "a" * 9000,
    }

    assert await refused(Authenticator(secret=SECRET), authorization.format(**tokens))


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: "Bearer " + raw.decode("latin-1")))
async def test_no_header_crashes_the_check(authorization: str) -> None:
    assert await refused(Authenticator(secret=SECRET), authorization)


async def test_issuer_and_audience_are_checked_when_set() -> None:
    callers = Authenticator(secret=SECRET, issuer="shop", audience="paygraph")

    assert await callers.authenticate(f"Bearer {token(iss='shop', aud=['other', 'paygraph'])}")
    assert await refused(callers, f"Bearer {token(iss='shop')}")
    assert await refused(callers, f"Bearer {token(aud='paygraph')}")
    assert await refused(callers, f"Bearer {token(iss='evil', aud='paygraph')}")
    assert await Authenticator(secret=SECRET).authenticate(f"Bearer {token(iss='any', aud='any')}")


async def test_a_view_token_shows_one_order_and_nothing_else() -> None:
    callers = Authenticator(secret=SECRET)

    caller = await callers.authenticate(f"Bearer {callers.sign_view_token(ORDER, BUYER, MINUTE)}")

    assert caller is not None
    assert caller.subject == f"view:{ORDER}"
    assert (caller.order_id, caller.customer_id) == (ORDER, BUYER)
    assert caller.scopes == frozenset()


async def test_a_view_token_of_an_order_that_names_nobody_is_nobodys() -> None:
    callers = Authenticator(secret=SECRET)

    caller = await callers.authenticate(f"Bearer {callers.sign_view_token(ORDER, None, MINUTE)}")

    assert caller is not None
    assert (caller.order_id, caller.customer_id) == (ORDER, None)


async def test_view_and_access_tokens_never_pass_as_each_other() -> None:
    callers = Authenticator(secret=SECRET)
    view = callers.sign_view_token(ORDER, BUYER, MINUTE)
    claims = {"view_order": str(ORDER), "exp": now(60), "sub": "ada"}

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(view, SECRET, algorithms=["HS256"])
    assert await refused(
        callers, "Bearer " + jwt.encode(claims, SECRET, algorithm="HS256", headers={"typ": "view+jwt"})
    )
    # The same bytes under another type lose their signature, since the header is signed too.
    _, body, signature = view.split(".")
    plain = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    assert await refused(callers, f"Bearer {plain}.{body}.{signature}")


async def test_a_view_token_ends_and_is_not_good_elsewhere() -> None:
    callers = Authenticator(secret=SECRET)

    assert await refused(callers, f"Bearer {callers.sign_view_token(ORDER, BUYER, timedelta(seconds=-31))}")
    assert await refused(Authenticator(secret=OTHER_SECRET), f"Bearer {callers.sign_view_token(ORDER, BUYER, MINUTE)}")
    assert await Authenticator(secret=OTHER_SECRET, view_secret=SECRET).authenticate(
        f"Bearer {callers.sign_view_token(ORDER, BUYER, MINUTE)}"
    )


def test_weak_secrets_and_bad_subjects_are_refused_at_signing() -> None:
    with pytest.raises(ValueError, match="AUTH_JWT_SECRET") as short:
        Authenticator(secret="short-secret")
    assert "short-secret" not in str(short.value)
    with pytest.raises(ValueError, match="AUTH_JWKS_URL"):
        Authenticator()
    with pytest.raises(ValueError, match="at least 32"):
        sign_token("short", "ada", [], MINUTE)
    with pytest.raises(ValueError, match="subject"):
        sign_token(SECRET, " ada", [], MINUTE)


class Provider:
    """An identity provider on loopback."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.fetched = 0
        self.status = 200
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetched += 1
                body = json.dumps({"keys": provider.keys}).encode()
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/keys"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def publish(self, kid: str, key: Any, algorithm: str) -> None:
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        self.keys.append({**public, "kid": kid, "use": "sig", "alg": algorithm})


@pytest.fixture
def provider() -> Iterator[Provider]:
    started = Provider()
    yield started
    started.server.shutdown()
    started.server.server_close()
    started.thread.join()


def signed(key: Any, algorithm: str, kid: str | None = "k1", **claims: object) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode({"sub": "ada", "exp": now(60), **claims}, key, algorithm=algorithm, headers=headers)


def signed_by_hand(secret: bytes) -> str:
    """Sign HS256 with a key that the library would rightly refuse."""
    message = forged({"alg": "HS256", "kid": "k1"}, {"sub": "ada", "exp": 4102444800})[:-1]
    signature = hmac.digest(secret, message.encode(), "sha256")
    return message + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


async def test_published_keys_verify_tokens_and_are_fetched_once(provider: Provider) -> None:
    keys: dict[str, Any] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    for algorithm, key in keys.items():
        provider.publish(algorithm, key, algorithm)
    callers = Authenticator(jwks_url=provider.url)

    tokens = [signed(key, algorithm, algorithm) for algorithm, key in keys.items()] * 5
    found = await asyncio.gather(*(callers.authenticate(f"Bearer {entry}") for entry in tokens))

    assert {caller.subject for caller in found if caller} == {"ada"}
    assert len(found) == 15
    assert provider.fetched == 1


async def test_a_public_key_is_never_taken_for_a_shared_secret(provider: Provider) -> None:
    key = rsa.generate_private_key(65537, 2048)
    provider.publish("k1", key, "RS256")
    callers = Authenticator(jwks_url=provider.url, secret=OTHER_SECRET)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    assert await callers.authenticate(f"Bearer {signed(key, 'RS256')}")
    assert await callers.authenticate(f"Bearer {token(OTHER_SECRET)}")
    assert await refused(callers, f"Bearer {signed_by_hand(pem)}")
    assert await refused(callers, f"Bearer {signed(key, 'RS512')}")
    assert await refused(callers, f"Bearer {signed(key, 'RS256', None)}")
    assert await refused(callers, f"Bearer {signed(rsa.generate_private_key(65537, 2048), 'RS256')}")
    assert await refused(Authenticator(jwks_url=provider.url), f"Bearer {token()}")


async def test_unknown_key_ids_do_not_become_load_on_the_provider(provider: Provider) -> None:
    key = rsa.generate_private_key(65537, 2048)
    provider.publish("k1", key, "RS256")
    callers = Authenticator(jwks_url=provider.url)

    for number in range(20):
        assert await refused(callers, f"Bearer {signed(key, 'RS256', f'unknown-{number}')}")

    assert provider.fetched <= 2


async def test_a_provider_that_is_away_is_our_trouble_not_the_callers(provider: Provider) -> None:
    provider.status = 500
    callers = Authenticator(jwks_url=provider.url)
    authorization = f"Bearer {signed(rsa.generate_private_key(65537, 2048), 'RS256')}"

    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            await callers.authenticate(authorization)

    assert provider.fetched == 1


async def test_without_a_shared_secret_there_are_no_view_tokens(provider: Provider) -> None:
    callers = Authenticator(jwks_url=provider.url)

    with pytest.raises(RuntimeError):
        callers.sign_view_token(ORDER, BUYER, MINUTE)
    assert await refused(callers, f"Bearer {Authenticator(secret=SECRET).sign_view_token(ORDER, BUYER, MINUTE)}")


async def test_a_key_that_was_taken_back_ends_what_it_verified_when_it_is_no_longer_fresh(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that was verified shortly before that does not stay valid for its own minute."""
    key = rsa.generate_private_key(65537, 2048)
    provider.publish("k1", key, "RS256")
    callers = Authenticator(jwks_url=provider.url)
    authorization = f"Bearer {signed(key, 'RS256', exp=now(7_200))}"
    await callers.authenticate(authorization)
    start = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: start + KEYS_FRESH_SECONDS - 10)
    assert await callers.authenticate(authorization)
    provider.keys = [{**entry, "kid": "another"} for entry in provider.keys]

    monkeypatch.setattr(time, "monotonic", lambda: start + KEYS_FRESH_SECONDS + 10)

    assert await refused(callers, authorization)
    assert provider.fetched > 1


async def test_a_token_verified_by_a_stale_key_is_refused_when_the_hour_is_over(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    provider.publish("k1", key, "RS256")
    callers = Authenticator(jwks_url=provider.url)
    authorization = f"Bearer {signed(key, 'RS256', exp=now(7_200))}"
    await callers.authenticate(authorization)
    start, end = time.monotonic(), KEYS_FRESH_SECONDS + KEYS_STALE_SECONDS
    provider.status = 500
    monkeypatch.setattr(time, "monotonic", lambda: start + end - 10)
    assert await callers.authenticate(authorization)

    monkeypatch.setattr(time, "monotonic", lambda: start + end + 10)

    with pytest.raises(KeysUnavailable):
        await callers.authenticate(authorization)
