"""The market at a moment, and what the entries came to."""
