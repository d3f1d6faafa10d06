"""Metadata at Stripe: our ids beside what the shop wrote."""

from collections.abc import Mapping
from typing import Final

MAX_METADATA_KEYS: Final = 50  # docs.stripe.com/metadata, with the two below; characters
MAX_METADATA_KEY: Final = 40
MAX_METADATA_VALUE: Final = 500


def stripe_metadata(ours: Mapping[str, str | None], *shops: Mapping[str, str]) -> dict[str, str]:
    """What an object at Stripe carries: our ids, then the shop's entries, the nearest to the object first.

    A name of ours is never the shop's, not even where we have no value for it: by these names a payment is found
    again. Entries beyond Stripe's 50 are left out, the farthest first, in the order of their names; an empty value
    would delete at Stripe and is left out too.
    """
    metadata = {name: value for name, value in ours.items() if value is not None}
    for entries in shops:
        for name in sorted(entries.keys() - metadata.keys() - ours.keys()):
            if entries[name] and len(metadata) < MAX_METADATA_KEYS:
                metadata[name] = entries[name]
    return metadata
