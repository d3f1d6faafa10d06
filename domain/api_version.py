"""The version of Stripe's API that this project uses, for requests to Stripe and in the offline Stripe."""

from typing import Final

# The library's own version moves with its minor releases; ours moves after a comparison (`compare-stripe`).
STRIPE_API_VERSION: Final = "2026-10-28.endive"
# The same, with what Stripe still previews: only for the requests that need it (docs/adr/0036-tokens-of-agents.md).
STRIPE_PREVIEW_VERSION: Final = "2026-10-28.preview"
