"""The core against the plain ways and against its peers: ``python -m benchmarks.core``."""
