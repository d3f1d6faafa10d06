"""Callers: who they are, what they may ask for over time, and how many connections one address may hold."""
