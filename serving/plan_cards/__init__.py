"""Which plans an organisation is recommended, why, and everything else that is on sale."""
