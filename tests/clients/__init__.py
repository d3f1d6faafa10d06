"""Clients of other people's, and our own, against the running application."""
