"""The tables, their migrations and the one way to a transaction."""
