"""GraphQL over HTTP, WebSocket and event streams: requests, documents, their cost, and the transports."""
