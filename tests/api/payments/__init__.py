"""Payments and refunds, from GraphQL to Stripe and back."""
