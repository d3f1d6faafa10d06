"""A token is verified once a minute and not at each request; its caller and its end stay exact."""

import hashlib
import time
from datetime import timedelta

import pytest

from domain.caller import LEEWAY, Scope
from server.access import authentication
from server.access.authentication import Authenticator, Unauthenticated, VerifiedTokens, sign_token

SECRET = "a-secret-of-thirty-two-bytes-or-more"


def _bearer(subject: str, life: timedelta = timedelta(hours=1)) -> str:
    return f"Bearer {sign_token(SECRET, subject, [Scope.PAYMENTS_PAY], life)}"


async def test_each_token_names_its_own_caller_however_often_it_comes() -> None:
    asked = Authenticator(secret=SECRET)
    tokens = {name: _bearer(name) for name in ("ada", "bob")}

    for _ in range(3):
        for name, token in tokens.items():
            caller = await asked.authenticate(token)
            assert caller is not None
            assert caller.subject == name


async def test_a_token_that_was_known_is_refused_once_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Authenticator(secret=SECRET)
    token = _bearer("ada", timedelta(seconds=5) - LEEWAY)  # accepted for five more seconds
    await asked.authenticate(token)
    now = time.time()

    monkeypatch.setattr(time, "time", lambda: now + 6)

    assert asked._verified.find(hashlib.sha256(token[7:].encode()).digest()) is None


async def test_a_token_is_looked_at_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A revoked key must stop counting."""
    asked = Authenticator(secret=SECRET)
    token = _bearer("ada")
    await asked.authenticate(token)
    asked._secret = "another-secret-of-thirty-two-bytes-or-more"
    now = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: now + authentication.VERIFIED_SECONDS + 1)

    with pytest.raises(Unauthenticated):
        await asked.authenticate(token)


async def test_a_forged_token_is_refused_beside_the_one_that_it_resembles() -> None:
    asked = Authenticator(secret=SECRET)
    token = _bearer("ada")
    await asked.authenticate(token)

    with pytest.raises(Unauthenticated):
        await asked.authenticate(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"))


async def test_no_more_tokens_are_kept_than_were_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "VERIFIED_TOKENS", 3)
    asked = Authenticator(secret=SECRET)

    for number in range(10):
        await asked.authenticate(_bearer(f"buyer-{number}"))

    assert isinstance(asked._verified, VerifiedTokens)
    assert len(asked._verified._known) == 3
