"""Plan changes: preview, confirmation, cancellation."""
