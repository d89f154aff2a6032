"""Checks raw tables against their contracts and sets each broken row aside with the reason."""
