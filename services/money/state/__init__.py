"""The rows of orders, payments and refunds: their locks, and the only writers of their states."""
