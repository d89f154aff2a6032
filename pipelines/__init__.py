"""Raw tables in, checked tables and training sets out."""
