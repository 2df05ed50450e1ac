"""Numbers, states and results as texts."""
