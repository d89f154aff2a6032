"""Who may call and who may look: API keys, people with their roles and sessions, revocations, and what they did."""
