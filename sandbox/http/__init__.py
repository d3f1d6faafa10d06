"""Stripe's HTTP API: authentication, parameters, idempotency, lists, and the routes to each object."""
