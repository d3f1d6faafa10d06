"""Real processes, really killed: the books of Stripe and of the database must agree afterwards."""
