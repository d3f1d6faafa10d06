"""KEEPS: PostgreSQL, and everything that speaks to it: connections, transactions, statements, notifications."""
