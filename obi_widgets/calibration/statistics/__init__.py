"""Statistics that know of overlap, dependence and many tests."""
