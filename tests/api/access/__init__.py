"""Who may see and do what, how often, and at what cost."""
