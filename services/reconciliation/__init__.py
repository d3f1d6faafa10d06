"""Reconciliation: Stripe's objects against our rows, what differs, and how that is resolved."""
