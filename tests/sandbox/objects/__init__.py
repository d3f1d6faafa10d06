"""The offline Stripe's objects and their life cycles."""
