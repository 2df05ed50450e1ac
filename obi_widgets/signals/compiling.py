"""Compiled code where there is some, without waiting for the compiler.

The first use starts a thread that imports numba and compiles, or loads what an earlier process
compiled. Until that is done the NumPy twin does the work, with the same results to the bit.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.signals import portable

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_lock = threading.Lock()
_compiler: threading.Thread | None = None
_block: Callable[..., None] = portable.block


def block() -> Callable[..., None]:
    """Return what computes a block's imbalance, the fastest that is ready; see `portable.block`."""
    start()
    return _block


def start() -> None:
    """Start compiling, unless that has been done."""
    global _compiler
    with _lock:
        if _compiler is None:
            _compiler = threading.Thread(target=_compile, name="obi-compiler", daemon=True)
            _compiler.start()


def wait() -> None:
    """Return when everything is compiled: for benchmarks, which time nothing else."""
    start()
    assert _compiler is not None
    _compiler.join()


def _compile() -> None:
    global _block
    try:
        from obi_widgets.signals import compiled

        prices = np.ones(1)
        prices.flags.writeable = False  # as a history's are: numba tells the two apart
        for dtype in (np.uint8, np.uint16, np.uint32):
            ticks, sizes = np.zeros((2, 1, 1), dtype), np.ones((2, 1, 1), np.float32)
            for band in (np.inf, 1.0):
                compiled.block(
                    prices, prices, ticks, sizes, 0, 1.0, 0.0, 1, band, False, np.empty(1)
                )
        _block = compiled.block
    except Exception:  # no compiler for this Python, or no place for its cache
        log.warning("Signals are computed without a compiler, and slower.", exc_info=True)


def ready() -> bool:
    """Return whether compiled code is in use."""
    return _block is not portable.block


__all__: list[Any] = ["block", "ready", "start", "wait"]
