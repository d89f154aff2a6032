"""Accounts: the subscription and the usage of one organisation, read once per request."""
