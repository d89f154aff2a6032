"""The shapes of the data that cross a boundary; this package imports none of the others."""
