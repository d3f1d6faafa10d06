"""Reconciliation: planted faults are found, each exactly; nothing else is."""
