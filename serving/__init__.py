"""The HTTP service: it asks the core for decisions, stores the records, and shows plan cards."""
