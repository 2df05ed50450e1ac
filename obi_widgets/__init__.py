"""Order-book imbalance you can see, tune and judge, live, in a notebook."""

__version__ = "0.1.0"
