"""The one version of Stripe's API that this project speaks, to Stripe and in the offline Stripe."""

from typing import Final

# The library's own version moves with its minor releases; ours moves when somebody has compared (`compare-stripe`).
STRIPE_API_VERSION: Final = "2026-10-28.endive"
