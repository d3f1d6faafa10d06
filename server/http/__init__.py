"""HTTP concerns common to all routes: request context, errors, logs, headers, health checks."""
