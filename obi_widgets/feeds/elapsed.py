"""How much time has passed, that in which the computer slept included.

`time.monotonic` stands still on Linux and macOS while a computer sleeps. After an hour of that, a
book would be as fresh as before it, and the wall clock would seem to have been set. Whatever says
how old data are takes this clock; what waits for something to be done takes `time.monotonic`.
"""

from __future__ import annotations

import sys
import time

if sys.platform == "linux":
    _CLOCK: int | None = time.CLOCK_BOOTTIME
elif sys.platform == "darwin":
    _CLOCK = time.CLOCK_MONOTONIC  # it goes on there, and that of `time.monotonic` does not
else:
    _CLOCK = None  # that of Windows goes on


def monotonic_ns() -> int:
    """Return the time since an arbitrary moment, ns."""
    return time.monotonic_ns() if _CLOCK is None else time.clock_gettime_ns(_CLOCK)


def monotonic() -> float:
    """Return the same in seconds."""
    return monotonic_ns() / 1e9
