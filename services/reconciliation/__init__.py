"""Reconciliation: Stripe's objects against our rows, the differences, and their resolution."""
