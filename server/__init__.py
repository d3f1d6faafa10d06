"""The composing room: HTTP, callers, limits, health and logs around the GraphQL schema."""
