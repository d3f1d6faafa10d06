"""A token's scopes, under any issuer's claim name, and the log line for a token without any."""

from typing import Any

import pytest
import structlog.testing

from domain.caller import Scope
from server.access.authentication import Authenticator
from tests.server.access.test_callers import PAY, READ, token
from tests.server.shop import SECRET


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("payments:read unknown:thing", {READ}),
        ("", set()),
        (None, set()),
        ("payments:read,payments:pay", set()),
        ("PAYMENTS:READ", set()),
        (["payments:read", "payments:pay", "unknown:thing"], {READ, PAY}),
        (["payments:read payments:pay", 1, None, ["payments:read"]], set()),
        ({"payments:read": True}, set()),
        ("payments:read payments:read  payments:pay", {READ, PAY}),
        ("xpayments:read", set()),
    ],
)
async def test_scopes_are_whole_words_and_unknown_ones_mean_nothing(scope: object, expected: set[Scope]) -> None:
    caller = await Authenticator(secret=SECRET).authenticate(f"Bearer {token(scope=scope)}")

    assert caller is not None
    assert caller.scopes == expected


@pytest.mark.parametrize("scp", ["openid payments:read", ["openid", "payments:read"]])
async def test_what_other_providers_call_scp_are_scopes_too(scp: object) -> None:
    """Okta's is a list, Microsoft Entra's a space-separated text."""
    caller = await Authenticator(secret=SECRET).authenticate(f"Bearer {token(scp=scp)}")

    assert caller is not None
    assert caller.scopes == {READ}


@pytest.mark.parametrize(
    ("claims", "forms"),
    [
        ({}, {"scope": "absent", "scp": "absent"}),
        ({"scope": {"secret-word": 1}}, {"scope": "neither a text nor a list", "scp": "absent"}),
        ({"scp": ["secret-word"]}, {"scope": "absent", "scp": "no words of ours"}),
    ],
)
async def test_a_token_that_allows_nothing_is_a_line_in_the_log(claims: dict[str, Any], forms: object) -> None:
    """At most once a minute, without the claims' values."""
    callers = Authenticator(secret=SECRET)

    with structlog.testing.capture_logs() as logs:
        for n in range(3):
            await callers.authenticate(f"Bearer {token(sub=f'ada-{n}', **claims)}")
        await callers.authenticate(f"Bearer {token(scope='payments:pay')}")

    [line] = logs
    assert (line["event"], line["log_level"]) == ("callers.no_scope", "warning")
    assert {name: line[name] for name in ("scope", "scp")} == forms
    assert "secret-word" not in str(line)
