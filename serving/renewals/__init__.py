"""The end of a period: closing it, booking it, starting the next."""
