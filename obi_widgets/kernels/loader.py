"""Compiled code where there is some, without waiting for the compiler.

A kernel stands beside its concept, twice: in NumPy, which is there at once, and for numba, which
has to be compiled or loaded from what an earlier process compiled. Both give the same to the bit.
The loader knows neither: whoever has kernels registers them with `Kernels`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

log = logging.getLogger(__name__)


class Kernels:
    """The kernels of one concept: those in NumPy until the compiled ones are ready.

    Parameters
    ----------
    numba : str
        The name of the module of compiled functions. Its ``compile_all()`` compiles each for the
        types that it is called with.
    numpy : module, optional
        The same functions in NumPy. None where there are none: `code` is then None until the
        compiled ones are ready.

    Attributes
    ----------
    code : module
        The functions to call just now.
    numba, numpy
        As given.
    """

    def __init__(self, numba: str, numpy: ModuleType | None = None) -> None:
        self.code: Any = numpy
        self.numba, self.numpy = numba, numpy
        self._asked = False
        self._done = threading.Event()
        registered.append(self)

    def start(self) -> None:
        """Have them compiled in the background, unless that has begun."""
        if not self._asked:
            _compile_later(self)

    def fastest(self) -> Any:  # noqa: ANN401
        """Return `code`, having seen to it that it will be compiled."""
        self.start()
        return self.code

    def wait(self) -> bool:
        """Return when they are compiled, and whether they could be."""
        self.start()
        self._done.wait()
        return self.code is not None and self.code.__name__ == self.numba

    def compile(self) -> None:
        """Import and compile them; keep those in NumPy when that fails."""
        try:
            code = import_module(self.numba)
            code.compile_all()
            self.code = code
        except Exception:  # no compiler for this Python, or no place for its cache
            log.warning("%s cannot be compiled: it runs slower.", self.numba, exc_info=True)
        finally:
            self._done.set()


registered: list[Kernels] = []
"""All of them, of the modules that are imported."""

_lock = threading.Lock()
_waiting: deque[Kernels] = deque()
_compiling = False
"""Whether a thread is at work."""


def busy() -> bool:
    """Return whether kernels that somebody asked for are still being compiled."""
    return _compiling


def wait() -> bool:
    """Compile all kernels of all modules that are imported; return whether they could be."""
    for kernels in registered:
        kernels.start()
    return all(list(map(Kernels.wait, registered)))


def _compile_later(kernels: Kernels) -> None:
    global _compiling
    with _lock:
        if kernels._asked:
            return
        kernels._asked = True
        _waiting.append(kernels)
        if not _compiling:
            _compiling = True
            threading.Thread(target=_work, name="obi-compiler", daemon=True).start()


def _work() -> None:
    """Compile what waits, one after the other: the compiler does no two at once."""
    global _compiling
    while True:
        with _lock:
            if not _waiting:
                _compiling = False
                return
            kernels = _waiting.popleft()
        kernels.compile()
