"""The content of the dashboard pages, the same for the notebook and for the report."""
