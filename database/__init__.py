"""KEEPS: PostgreSQL: connections, transactions, statements, notifications."""
