"""The version of Stripe's API that this project uses, for requests to Stripe and in the offline Stripe."""

from typing import Final

# The library's own version moves with its minor releases; ours moves after a comparison (`compare-stripe`).
STRIPE_API_VERSION: Final = "2026-10-28.endive"
