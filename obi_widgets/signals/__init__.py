"""Pure functions of a history and settings."""

from obi_widgets.signals.imbalance import imbalance, weights

__all__ = ["imbalance", "weights"]
