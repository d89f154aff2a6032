"""Raw tables in, checked tables out: each broken row set aside with its reason."""
