"""Sign a bearer token and print it. With AUTH_JWKS_URL your identity provider signs them, and this refuses."""

import argparse
from datetime import timedelta
from typing import Final

from cli.arguments import LONGEST_TTL, whole_number
from cli.failures import DONE, CannotRun
from settings import Settings

HELP: Final = "sign a bearer token"
EXAMPLE: Final = 'python -m cli token --subject clerk-7 --scope "payments:read refunds:write" --ttl 3600'
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: subject, scopes and lifetime."""
    parser.add_argument("--subject", required=True, help="the caller; for a buyer, the customer's id in your shop")
    parser.add_argument("--scope", default="", help='separated by spaces, e.g. "payments:read refunds:write"')
    life = whole_number(1, LONGEST_TTL, of="seconds")
    parser.add_argument("--ttl", type=life, default=3600, metavar="SECONDS", help="seconds; 3600 if not given")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a bearer token."""
    from domain.caller import Scope
    from server.access.authentication import sign_token
    from server.runtime import jwt_secret

    try:
        scopes = [Scope(word) for word in options.scope.split()]
    except ValueError:
        raise CannotRun(f"--scope takes these words: {' '.join(Scope)}") from None
    secret = jwt_secret(settings)
    if secret is None:
        raise CannotRun("AUTH_JWKS_URL is set: tokens are signed by your identity provider.")
    life = timedelta(seconds=options.ttl)
    issuer, audience = settings.auth_issuer, settings.auth_audience
    try:
        print(sign_token(secret, options.subject, scopes, life, issuer=issuer, audience=audience))
    except ValueError as error:  # its text is ours, and never repeats a value
        raise CannotRun(f"--subject: {error}") from None
    return DONE
