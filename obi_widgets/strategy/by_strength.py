"""The weight of an entry, for size and stop by strength: a part of the exported strategy.

The section below is copied into the file, which has its own constants.
"""

from __future__ import annotations

import math

from obi_widgets.strategy.template import THRESHOLD

LEAST_WEIGHT, WHOLE_FROM, GRADES = 0.25, 0.8, 10

# -- size and stop by strength -------------------------------------------------------------


def weight_of(value: float) -> float:
    """Return the weight of an entry: LEAST_WEIGHT at the threshold, 1 from WHOLE_FROM on."""
    if WHOLE_FROM <= THRESHOLD:
        return LEAST_WEIGHT + (1.0 - LEAST_WEIGHT)
    beyond = (abs(value) - THRESHOLD) / (WHOLE_FROM - THRESHOLD)
    grade = math.floor(min(max(beyond, 0.0), 1.0) * GRADES + 1e-9)
    return LEAST_WEIGHT + (1.0 - LEAST_WEIGHT) * (grade / GRADES)
