"""Loader of compiled kernels. Callers use NumPy until the compiler is done, and never wait for it.

Each kernel is written twice, in two modules beside its concept: for NumPy, which is ready at once,
and for numba, which has to be compiled or loaded from the cache of an earlier process. Both return
the same results to the bit. The loader imports no kernel itself: a module registers its own kernels
with `Kernels`.
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
    """The kernels of one concept: NumPy functions, until the compiled ones are ready.

    Parameters
    ----------
    numba : str
        Name of the module of compiled functions. Its ``compile_all()`` compiles each function for
        the argument types that it is called with.
    numpy : module, optional
        Module with the same functions in NumPy. If None, `code` is None until the compiled
        functions are ready.

    Attributes
    ----------
    code : module or None
        The module whose functions to call now.
    numba, numpy
        The arguments.
    """

    def __init__(self, numba: str, numpy: ModuleType | None = None) -> None:
        self.code: Any = numpy
        self.numba, self.numpy = numba, numpy
        self._requested = False
        self._done = threading.Event()
        registered.append(self)

    def start(self) -> None:
        """Compile the functions in the background, unless that was requested before."""
        if not self._requested:
            _compile_later(self)

    def current(self) -> Any:  # noqa: ANN401
        """Return `code`; start to compile if that was not requested before."""
        self.start()
        return self.code

    def wait(self) -> bool:
        """Wait until compilation has ended; return whether it succeeded."""
        self.start()
        self._done.wait()
        return self.code is not None and self.code.__name__ == self.numba

    def compile(self) -> None:
        """Import and compile the functions; keep those of NumPy if that fails."""
        try:
            code = import_module(self.numba)
            code.compile_all()
            self.code = code
        except Exception:  # no compiler for this Python, or no place for its cache
            log.warning("%s cannot be compiled, so it runs slower.", self.numba, exc_info=True)
        finally:
            self._done.set()


registered: list[Kernels] = []
"""The kernels of every module that has been imported."""

_lock = threading.Lock()
_waiting: deque[Kernels] = deque()
_compiling = False
"""Whether the thread that compiles is running."""


def busy() -> bool:
    """Return whether requested kernels are still being compiled."""
    return _compiling


def wait() -> bool:
    """Compile the kernels of all imported modules; return whether all of them succeeded."""
    for kernels in registered:
        kernels.start()
    return all(list(map(Kernels.wait, registered)))


def _compile_later(kernels: Kernels) -> None:
    global _compiling
    with _lock:
        if kernels._requested:
            return
        kernels._requested = True
        _waiting.append(kernels)
        if not _compiling:
            _compiling = True
            threading.Thread(target=_work, name="obi-compiler", daemon=True).start()


def _work() -> None:
    """Compile the queued kernels one after the other: numba's compiler holds a global lock."""
    global _compiling
    while True:
        with _lock:
            if not _waiting:
                _compiling = False
                return
            kernels = _waiting.popleft()
        kernels.compile()
