"""Paper runs: what settings decide on a live source, written to a log, and held against entries."""
