"""Columns of book states: how they are written, stored and read."""
