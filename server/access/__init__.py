"""Access: authentication, rate limits, and connection quotas by client address."""
