"""The API through its front door: GraphQL over HTTP, real PostgreSQL, the offline Stripe."""
