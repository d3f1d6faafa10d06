"""The schema: its text, its values, and changes of it."""
