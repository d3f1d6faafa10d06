"""The offline Stripe as a server: requests, keys, faults, webhooks, and unsupported features."""
