"""What monitoring asks: whether the process lives, whether it is ready and why not, what it counts."""
