"""Live status: changes of orders and payments, read once for all that follow them."""
