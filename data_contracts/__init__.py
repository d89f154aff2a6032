"""The shapes that cross a boundary; they import nothing of ours."""
