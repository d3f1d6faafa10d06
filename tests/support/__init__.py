"""Shared parts of tests: the application under test, histories, schema walks, checks. No tests."""
