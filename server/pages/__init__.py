"""The web pages that the server serves."""
