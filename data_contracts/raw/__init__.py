"""The raw tables: one row shape per table, their keys, references and freshness."""
