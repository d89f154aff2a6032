"""What each raw table promises, as one Great Expectations suite per table; imported by the pipelines only."""
