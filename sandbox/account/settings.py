"""The set-up of the account: what differs between Stripe's accounts and API versions."""

from collections.abc import Mapping

from sandbox.payments.releases import RECORDS
from sandbox.store import Store

SETTINGS: Mapping[str, tuple[str, ...]] = {
    # What a partial capture, a cancellation or an expiry leaves behind; see sandbox/payments/releases.py.
    "releases": RECORDS,
    # What the network makes of a refund: money back (`refund`), or, soon after the charge, the charge taken off the
    # customer's statement (`reversal`). Both give back money that was taken. Source: docs.stripe.com/refunds
    "card_refunds": ("refund", "reversal"),
    # What is delivered of an event: the event itself, or the v2 API's notification of it.
    "event_payload": ("snapshot", "thin"),
    # What a card that needs its payer demands first: a captcha against card testing, in a shape of its own.
    "challenges": ("never", "always"),
    # What the bank says when more is to be held.
    "increments": ("approved", "declined"),
}
DEFAULTS: Mapping[str, str] = {name: allowed[0] for name, allowed in SETTINGS.items()}


def read(store: Store) -> dict[str, str]:
    """The settings in force."""
    return {name: store.setting(name, default) for name, default in DEFAULTS.items()}


def change(store: Store, given: Mapping[str, object]) -> None:
    """Change some of the settings. Raises ValueError for one that does not exist or a value that it cannot have."""
    for name, value in given.items():
        if name not in SETTINGS:
            raise ValueError(f"there is no setting {name}; there are {', '.join(SETTINGS)}")
        if value not in SETTINGS[name]:
            raise ValueError(f"{name} must be one of {', '.join(SETTINGS[name])}")
    for name, value in given.items():
        store.set_up(name, str(value))
