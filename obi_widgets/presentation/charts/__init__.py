"""Lines and axes of charts."""
