"""The offline Stripe, driven as an application drives Stripe: with the real `stripe` library."""
