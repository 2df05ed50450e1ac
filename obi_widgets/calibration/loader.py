"""Compiled code for calibration where there is some, as `obi_widgets.kernels.loader` has it.

Whoever calibrates first starts a thread that compiles, or loads what an earlier process compiled;
until that is done `portable` does the work, slower and with the same results to the bit.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration import portable
from obi_widgets.kernels.loader import Background

if TYPE_CHECKING:
    from types import ModuleType

log = logging.getLogger(__name__)

_fastest: ModuleType = portable


def fastest() -> ModuleType:
    """Return the module whose functions to call: `portable`, or `compiled` once it is ready."""
    start()
    return _fastest


def wait() -> bool:
    """Return when everything is compiled, and whether it could be."""
    _compiler.wait()
    return _fastest is not portable


def _compile() -> None:
    global _fastest
    try:
        from obi_widgets.calibration import compiled

        # As they will come: a history's columns cannot be written to, and numba tells that apart.
        time = np.zeros(2, np.int64)
        time.flags.writeable = False
        no, end, signs = np.zeros(2, bool), np.zeros(2, np.int32), np.zeros(2, np.int8)
        rows, floats = np.zeros(2, np.int64), np.zeros(2)
        compiled.forward(time, no, floats, 1, False, end, floats)
        compiled.crossings(floats, no, 0.5, signs)
        compiled.episodes(floats, no, 0.5, 0.25, rows, rows, rows, signs, signs)
        x, sums, bins = np.zeros((2, 1), np.int8), np.zeros((6, 1)), np.zeros((2, 1))
        compiled.starts(x, floats, end, 1, sums)
        compiled.arrivals(x, end, floats, floats, 1, bins, bins, bins, floats)
        compiled.bets(floats, floats, floats, end, floats, 1, *np.zeros((3, 2)))
        index = np.zeros((1, 2), np.int32)
        compiled.resampled(bins, bins, index, 1, np.zeros((1, 5, 1)))
        compiled.windows(floats, 1)
        _fastest = compiled
    except Exception:  # no compiler for this Python, or no place for its cache
        log.warning("Calibration is computed without a compiler, and slower.", exc_info=True)


_compiler = Background(_compile, "obi-calibration-compiler")
start = _compiler.start
