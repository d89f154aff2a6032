"""The Great Expectations suites of the raw tables; only the pipelines import them."""
