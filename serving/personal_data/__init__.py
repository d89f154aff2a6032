"""All that is known of one organisation: handed over as an archive, and erased."""
