"""The pages, the demo's shop and the health routes."""
