"""Tests of storage: the engine, transactions, migrations and the embedded server, on real PostgreSQL."""
