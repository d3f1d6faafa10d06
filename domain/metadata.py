"""Metadata at Stripe: our ids, and the shop's entries."""

from collections.abc import Mapping
from typing import Final

MAX_METADATA_KEYS: Final = 50  # docs.stripe.com/metadata, with the two below; characters
MAX_METADATA_KEY: Final = 40
MAX_METADATA_VALUE: Final = 500
# Our names in the metadata of a payment at Stripe.
OF_A_PAYMENT: Final = ("order_id", "order_external_id", "customer_external_id", "payment_id", "operation_id")


def stripe_metadata(ours: Mapping[str, str | None], *shops: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of an object at Stripe: our ids, then the shop's entries, most specific object first.

    Our names are reserved, even where we have no value for them, because payments are found again by these names.
    Entries beyond Stripe's 50 are left out, the least specific first, in the order of their names. An empty value is
    left out too, because it would delete the entry at Stripe.
    """
    metadata = {name: value for name, value in ours.items() if value is not None}
    for entries in shops:
        for name in sorted(entries.keys() - metadata.keys() - ours.keys()):
            if entries[name] and len(metadata) < MAX_METADATA_KEYS:
                metadata[name] = entries[name]
    return metadata


def metadata_change(
    payments: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str], *, names_customer: bool
) -> dict[str, str]:
    """Return the update of a payment's metadata at Stripe for an order whose entries change; ours are never touched.

    `payments` are the entries of the payment itself; `names_customer` says that the customer's number is one of our
    ids. An empty value deletes its entry at Stripe. New names that find no room beside those that Stripe has are left
    out, also beside those that are deleted by the same update.
    """
    ours = {name: None if name == "customer_external_id" and not names_customer else "" for name in OF_A_PAYMENT}
    told, wanted = stripe_metadata(ours, payments, before), stripe_metadata(ours, payments, after)
    new = [name for name in wanted if name not in told]
    left_out = new[MAX_METADATA_KEYS - len(told) :]
    changed = {name: value for name, value in wanted.items() if told.get(name) != value and name not in left_out}
    return dict.fromkeys(told.keys() - wanted.keys(), "") | changed
