"""What Stripe has not: the payer's page, and levers for what only time, a bank or a person does."""
