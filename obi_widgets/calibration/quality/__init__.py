"""Quality of a market: tightness, depth, resilience, what trades paid, and what a size costs."""
