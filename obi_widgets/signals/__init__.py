"""Pure functions of a history and settings."""

from obi_widgets.signals.imbalance import imbalance
from obi_widgets.signals.insight import weights

__all__ = ["imbalance", "weights"]
