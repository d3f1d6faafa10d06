"""The API through its public interface: GraphQL over HTTP, real PostgreSQL, the offline Stripe."""
