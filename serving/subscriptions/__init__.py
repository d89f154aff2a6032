"""Which plan an organisation holds."""
