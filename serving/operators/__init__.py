"""Access of operators: API keys, people with their roles and sessions, revocations, and what they did."""
