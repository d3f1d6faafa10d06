"""Operations with money in three phases (accept, execute at Stripe, record), and their recovery."""
