"""What holds for every route: request context, errors, logs, headers, health."""
