"""Stripe's events: received, stored once, applied later; polled where no webhook came."""
