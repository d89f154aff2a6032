"""The life of a subscription beyond changes of plan: cancelling, pausing, the end of a trial."""
