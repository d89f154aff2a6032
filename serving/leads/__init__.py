"""Organisations that want to talk to sales."""
