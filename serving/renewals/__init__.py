"""Renewals: closing a period that has ended, booking it, starting the next."""
