"""GraphQL over HTTP, WebSocket and event streams."""
