"""The plan modal: its script, styles and pictures, and how they are sent."""
