"""The payer's next action, as far as it may be stored."""

from typing import Any

from domain.sensitive import without_secrets
from provider import Actionable


def storable_action(action: Actionable) -> dict[str, Any]:
    """Return the part of the payer's next action that may be stored.

    Stripe's 3DS pages carry the client secret in their address, which is never stored: such a page is fetched again
    when it is needed, and so are the account, the number or the code that the payer pays by.
    """
    withheld = action.redirect_url is not None and without_secrets(action.redirect_url) != action.redirect_url
    kept: dict[str, Any] = {
        "type": action.type,
        "redirect_url": None if withheld else action.redirect_url,
        "expires_at": action.expires_at.isoformat() if action.expires_at else None,
    }
    if action.remaining_minor is not None:
        kept["remaining_minor"] = action.remaining_minor
    return kept | {"page_withheld": True} if withheld else kept
