"""The composition root: HTTP, authentication, limits, health checks and logs around the GraphQL schema."""
