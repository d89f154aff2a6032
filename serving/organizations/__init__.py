"""Organisations, the customers, as the host records them."""
