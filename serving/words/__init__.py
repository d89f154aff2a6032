"""Every sentence the service says, in German, English and French."""
