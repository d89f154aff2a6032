"""Login to the dashboards, which are built elsewhere and mounted behind it."""
