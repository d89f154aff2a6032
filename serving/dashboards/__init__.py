"""The door before the dashboards; what is behind it is built elsewhere and handed in."""
