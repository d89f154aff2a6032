"""The raw tables: the shape of a row of each, and its key, references and freshness."""
