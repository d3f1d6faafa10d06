"""The settings of the account: differences between Stripe's accounts and API versions."""

from collections.abc import Mapping

from sandbox.payments.releases import RECORDS
from sandbox.store import Store

SETTINGS: Mapping[str, tuple[str, ...]] = {
    # The record that a partial capture, a cancellation or an expiry leaves; see sandbox/payments/releases.py.
    "releases": RECORDS,
    # The network's form of a refund: money back (`refund`), or, soon after the charge, the charge removed from the
    # customer's statement (`reversal`). Both return money that was captured. Source: docs.stripe.com/refunds
    "card_refunds": ("refund", "reversal"),
    # The payload of a webhook: the event itself, or the v2 API's notification of it.
    "event_payload": ("snapshot", "thin"),
    # The first demand of a card that needs authentication: a captcha against card testing has a shape of its own.
    "challenges": ("never", "always"),
    # The mandate of a US bank account that is debited without `mandate_data`: made, or, as at Stripe, asked for. A SEPA
    # debit always asks.
    "ach_mandates": ("implied", "required"),
    # The index that is searched: current, or a minute behind, as Stripe's may be.
    "search_index": ("current", "late"),
    # The bank's answer to an incremental authorization.
    "increments": ("approved", "declined"),
}
DEFAULTS: Mapping[str, str] = {name: allowed[0] for name, allowed in SETTINGS.items()}


def read(store: Store) -> dict[str, str]:
    """Return the settings in force."""
    return {name: store.setting(name, default) for name, default in DEFAULTS.items()}


def change(store: Store, changes: Mapping[str, object]) -> None:
    """Change some settings. Raises ValueError for an unknown setting or value."""
    for name, value in changes.items():
        if name not in SETTINGS:
            raise ValueError(f"there is no setting {name}; there are {', '.join(SETTINGS)}")
        if value not in SETTINGS[name]:
            raise ValueError(f"{name} must be one of {', '.join(SETTINGS[name])}")
    for name, value in changes.items():
        store.set_up(name, str(value))
