"""Builds the training set from checked tables."""
