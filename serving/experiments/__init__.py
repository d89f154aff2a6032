"""Running experiments: participants, guardrails that stop them, stages that let them grow."""
