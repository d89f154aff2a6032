"""Experiments while they run: who takes part, what stops them, how they grow."""
