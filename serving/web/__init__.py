"""HTTP for every domain: callers, fields, problem documents, middleware, telemetry."""
