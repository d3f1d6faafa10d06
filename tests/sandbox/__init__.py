"""The offline Stripe, called as an application calls Stripe: with the real `stripe` library."""
