"""Compiled code where there is some, without waiting for the compiler.

The first use starts a thread that imports numba and compiles, or loads what an earlier process
compiled. Until that is done `portable` does the work, with the same results to the bit.
"""

from __future__ import annotations

import logging
import threading
from types import ModuleType

import numpy as np

from obi_widgets.signals import portable

log = logging.getLogger(__name__)

_lock = threading.Lock()
_compiler: threading.Thread | None = None
_fastest: ModuleType = portable


def fastest() -> ModuleType:
    """Return the module whose functions to call: `portable`, or `compiled` once it is ready."""
    start()
    return _fastest


def start() -> None:
    """Start compiling, unless that has been done."""
    global _compiler
    with _lock:
        if _compiler is None:
            _compiler = threading.Thread(target=_compile, name="obi-compiler", daemon=True)
            _compiler.start()


def wait() -> bool:
    """Return when everything is compiled, and whether it could be."""
    start()
    assert _compiler is not None
    _compiler.join()
    return _fastest is not portable


def busy() -> bool:
    """Return whether it is still being compiled, so that `wait` would wait; start it if need be."""
    start()
    assert _compiler is not None
    return _compiler.is_alive()


def _compile() -> None:
    global _fastest
    try:
        from obi_widgets.signals import compiled

        # As they will come: a history's columns cannot be written to, and numba tells that apart.
        time, prices = np.zeros(1, np.int64), np.ones(1)
        time.flags.writeable = prices.flags.writeable = False
        for dtype in (np.uint8, np.uint16, np.uint32):
            ticks, sizes = np.zeros((1, 2, 1, 1), dtype), np.ones((1, 2, 1, 1), np.float32)
            compiled.block(prices, prices, ticks, sizes, 0, 1.0, 0.0, 1, 1.0, False, np.empty(1))
        two, side = np.zeros((2, 2)), np.zeros(2, np.int8)
        compiled.scan(
            time, prices, prices, np.ones(1), 0, 0.5, 1, False,
            side, two.astype(np.int64), two, np.zeros(2, bool),
        )  # fmt: skip
        compiled.tally(np.ones(1), 0.5)
        _fastest = compiled
    except Exception:  # no compiler for this Python, or no place for its cache
        log.warning("Signals are computed without a compiler, and slower.", exc_info=True)
