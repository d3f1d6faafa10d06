"""The fence: what Stripe says, in our words, and what each failure means for money."""
