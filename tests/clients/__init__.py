"""Clients against a real server: a process, its sockets, and whatever a network does between them."""
