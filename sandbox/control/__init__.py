"""Pages and controls beyond Stripe's API: the payer's page, and actions of time, a bank or a person."""
