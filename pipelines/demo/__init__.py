"""A made-up world for demonstrations and tests: organisations, usage, decisions, money."""
