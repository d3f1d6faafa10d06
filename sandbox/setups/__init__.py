"""Setups: methods that are saved without a payment, and each attempt of it."""
