"""ANSWERS: Stripe's door. Raw bytes are verified, stored, answered with 200; a worker applies them later."""
