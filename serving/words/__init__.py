"""Every text of the service in German, English and French."""
