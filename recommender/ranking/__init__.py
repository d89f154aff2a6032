"""Which plan fits best, in which order it is shown, and why."""
