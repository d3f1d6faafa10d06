"""Metadata at Stripe: our ids, and the shop's entries."""

from collections.abc import Mapping
from typing import Final

MAX_METADATA_KEYS: Final = 50  # docs.stripe.com/metadata, with the two below; characters
MAX_METADATA_KEY: Final = 40
MAX_METADATA_VALUE: Final = 500


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
