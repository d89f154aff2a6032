"""What one organisation holds and uses, read once per request."""
