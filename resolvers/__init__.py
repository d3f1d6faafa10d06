"""ANSWERS: one GraphQL field each. Who asks, which rows, which service. Knows no GraphQL type."""
