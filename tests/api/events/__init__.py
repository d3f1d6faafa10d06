"""Stripe's events: webhooks, the inbox, polling."""
