"""How organisations pay: their methods, what is charged, and the provider behind a port."""
