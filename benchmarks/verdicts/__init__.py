"""How often a verdict is wrong: `python -m benchmarks.verdicts`."""
