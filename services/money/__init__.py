"""Every act with money, in its three phases: accepted, carried out at Stripe, recorded; and what recovers it."""
