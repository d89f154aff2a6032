"""What a dashboard page says and draws: the same content for the notebooks and for the report."""
