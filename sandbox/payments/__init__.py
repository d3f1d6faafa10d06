"""Intents, charges, refunds and disputes, and how money moves between them."""
