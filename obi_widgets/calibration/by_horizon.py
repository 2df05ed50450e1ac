"""Computing at some horizons at a time, so that memory does not grow with their number.

What is computed at a horizon rests on no other one, so that the results put together are those of
all horizons at once.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST = 4_000_000
"""Returns, of all states at some horizons, that are held at a time. Each takes some 40 bytes with
what is computed from it. The seven default horizons of half a million states are computed at
once, which uses several threads best."""

Results = TypeVar("Results", bound=Any)


def grouped(horizons: Floats, states: int) -> list[Floats]:
    """Return horizons in groups that are computed one after the other, at least one in each."""
    count = max(MOST // max(states, 1), 1)
    return [horizons[at : at + count] for at in range(0, len(horizons), count)]


def joined(parts: Sequence[Results]) -> Results:
    """Return results of groups of horizons as one.

    Parameters
    ----------
    parts : sequence of a dataclass
        Their arrays and tuples have a horizon in each row. All else is of the whole record.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    changes: dict[str, object] = {}
    for name in (one.name for one in fields(first)):
        values = [getattr(part, name) for part in parts]
        if isinstance(values[0], np.ndarray):
            changes[name] = np.concatenate(values)
        elif isinstance(values[0], tuple):
            changes[name] = sum(values, ())
    return replace(first, **changes)
