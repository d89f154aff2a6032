"""The plan modal: script, styles, pictures, and the route that serves them."""
