"""Stripe's HTTP API: who asks, what was sent, idempotency, lists, and the routes to each object."""
