"""Statistics of overlapping, dependent returns, and corrections for multiple testing."""
