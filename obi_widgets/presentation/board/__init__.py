"""A board: many markets, a line each."""
