"""ANSWERS: Stripe's webhook endpoint. Raw bytes are verified, stored and answered; a worker applies them later."""
