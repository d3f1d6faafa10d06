"""Everything that a checkout needs of Stripe: descriptions, saved methods, tokens, delayed methods."""
