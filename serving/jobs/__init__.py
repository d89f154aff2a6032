"""Background jobs, webhooks, the test clock, and the import of raw tables."""
