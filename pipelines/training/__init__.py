"""Checked tables in, training set out."""
