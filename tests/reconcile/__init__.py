"""Reconciliation: every seeded fault is found exactly; nothing else is."""
