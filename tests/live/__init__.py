"""Live status, as subscribers see it."""
