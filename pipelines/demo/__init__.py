"""A simulated world for demonstrations and tests: organisations, usage, decisions, money."""
