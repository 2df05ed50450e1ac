"""A simulated market, and an exchange that serves it."""
