"""Third-party clients, and our own, against the running application."""
