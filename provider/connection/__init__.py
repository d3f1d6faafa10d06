"""The connection to Stripe: its transport, the circuit breaker, and the budget of requests."""
