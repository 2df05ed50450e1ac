"""Compiling all kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import obi_widgets
from obi_widgets.kernels import loader
from obi_widgets.settings.parameters import as_signal
from obi_widgets.signals.registry import SWEEPS, fast_sweep

if TYPE_CHECKING:
    from collections.abc import Callable


def compile_all(tell: Callable[[str], object]) -> list[str]:
    """Compile each kernel, or load it from the disk; return the names of those that failed.

    Parameters
    ----------
    tell : callable
        Called with the name of each kernel before it is compiled.
    """
    # Kernels are registered by the modules that use them. Public names find these, but for the
    # modules that the first sweep imports.
    for name in dir(obi_widgets):
        getattr(obi_widgets, name)
    for name in SWEEPS:
        fast_sweep(as_signal(name))
    failed = []
    for kernels in loader.registered:
        tell(kernels.numba.rpartition(".")[2].removesuffix("_numba"))
        if not kernels.wait():
            failed.append(kernels.numba)
    return failed
