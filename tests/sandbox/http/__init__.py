"""The offline Stripe as a server: requests, keys, faults, webhooks, and what it says it has not."""
