"""Subscriptions: their stored state, the log of their changes, and plan changes."""
