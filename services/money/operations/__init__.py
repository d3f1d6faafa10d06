"""Operations: the idempotency key of an act, its steps at Stripe, and their outcomes."""
