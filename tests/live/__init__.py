"""Live status: what subscribers see."""
