"""Compiled code where there is some, without waiting for the compiler.

The first use starts a thread that imports numba and compiles, or loads what an earlier process
compiled. Until that is done `portable` does the work, with the same results to the bit.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals import portable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

log = logging.getLogger(__name__)

code: ModuleType = portable
"""Whose functions to call: `portable`, or `compiled` once it is ready."""

reader: ModuleType | None = None
"""What reads frames of Binance USD-M futures, once it is ready; see `binance_scan`."""


class Background:
    """Work that is done once, in a thread of its own, when somebody first asks for it.

    Parameters
    ----------
    work : callable
        What to do.
    name : str
        The thread's.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=work, name=name, daemon=True)

    def start(self) -> None:
        """Start, unless that has been done."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    def busy(self) -> bool:
        """Return whether it is still to be done; start it if need be."""
        self.start()
        return self._thread.is_alive()

    def wait(self) -> None:
        """Start, and return when it is done."""
        self.start()
        self._thread.join()


def fastest() -> ModuleType:
    """Return `code`, having seen to it that it will be compiled."""
    start()
    return code


def wait() -> bool:
    """Return when everything is compiled, and whether it could be."""
    _compiler.wait()
    return code is not portable


def busy() -> bool:
    """Return whether it is still being compiled, so that `wait` would wait; start it if need be."""
    return _compiler.busy()


def _compile() -> None:
    global code, reader
    try:
        from obi_widgets.signals import compiled

        # As they will come: a history's columns cannot be written to, and numba tells that apart.
        time, prices = np.zeros(1, np.int64), np.ones(1)
        time.flags.writeable = prices.flags.writeable = False
        rows, column, reach = np.empty(2, np.int64), np.ones(1), np.ones((1, 2), np.float32)
        side, changes = np.ones((2, 2)), np.ones((1, 2))
        for dtype in (np.uint8, np.uint16, np.uint32):
            ticks, sizes = np.zeros((1, 2, 1, 1), dtype), np.ones((1, 2, 1, 1), np.float32)
            compiled.block(prices, prices, ticks, sizes, 0, 1.0, 0.0, 1, 1.0, False, np.empty(1))
            compiled.put(
                side, 1, 0.0, side, 1, 0.0, 1.0, 0, 0, 0, False,
                rows, rows, column, column, reach, ticks, sizes,
            )  # fmt: skip
            compiled.newest(column, column, ticks, sizes, 0, 1.0, 0.0, 1, 1.0, False)
        compiled.apply(side, 1, 1, changes)
        compiled.apply_within(side, 1, 1, changes, 1, 0.0)
        two, sides = np.zeros((2, 2)), np.zeros(2, np.int8)
        compiled.scan(
            time, prices, prices, np.ones(1), 0, 0.5, 1, False,
            sides, two.astype(np.int64), two, np.zeros(2, bool),
        )  # fmt: skip
        compiled.tally(np.ones(1), 0.5)
        code = compiled
        from obi_widgets.market_data.venues import binance_scan

        binance_scan.follow(b"", b"", 0, side, 1, side, 1, changes)
        binance_scan.lines(b"", b"", 0, side, 1, side, 1, changes, 0, 0, 0)
        reader = binance_scan
    except Exception:  # no compiler for this Python, or no place for its cache
        log.warning("Signals are computed without a compiler, and slower.", exc_info=True)


_compiler = Background(_compile, "obi-compiler")
start = _compiler.start
