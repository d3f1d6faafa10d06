"""The provider: Stripe's objects in our words, and each failure's effect on money."""
