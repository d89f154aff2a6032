"""What is on sale: the catalogue in force, its versions, and the check before it is published."""
