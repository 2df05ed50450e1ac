"""What charts draw besides lines."""
