"""Hypothetical entries, orders, costs and fills, and the exported strategy."""
