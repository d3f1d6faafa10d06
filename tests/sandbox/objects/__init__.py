"""The offline Stripe's objects, and what becomes of them."""
