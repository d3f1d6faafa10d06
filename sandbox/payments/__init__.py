"""Intents, charges, refunds and disputes, and the movements of money between them."""
