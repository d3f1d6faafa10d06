"""Tests of what remembers: the engine, transactions, migrations and the embedded server, on real PostgreSQL."""
