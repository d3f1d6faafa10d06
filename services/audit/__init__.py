"""The audit trail of each order, and its verification."""
