"""Routes for monitoring: liveness, readiness with its checks, metrics."""
