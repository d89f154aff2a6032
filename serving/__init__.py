"""The service: it asks the core, keeps the records and shows the plan cards."""
