"""Everything stored about one organisation: its archive and its erasure."""
