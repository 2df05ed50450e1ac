"""Loader of compiled kernels. Callers use NumPy until the compiler is done, and never wait for it.

Each kernel is written twice, in two modules beside its concept: for NumPy, which is ready at once,
and for numba, which has to be compiled or loaded from the cache of an earlier process. Both return
the same results to the bit. The loader imports no kernel itself: a module registers its own kernels
with `Kernels`.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.kernels.compiled_cache import drop_stale, stamp_of

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
        if not self._requested:
            self.start()
        return self.code

    @property
    def compiling(self) -> bool:
        """Whether the functions are being compiled, or wait for that."""
        return self._requested and not self._done.is_set()

    def wait(self) -> bool:
        """Wait until compilation has ended; return whether it succeeded."""
        self.start()
        self._done.wait()
        return self.code is not None and self.code.__name__ == self.numba

    def compile(self) -> None:
        """Import and compile the functions; keep those of NumPy if that fails."""
        try:
            code = import_module(self.numba)
            _drop_stale()
            code.compile_all()
            self.code = code
        except Exception:  # no compiler for this Python, or no place for its cache
            log.warning("%s cannot be compiled, so it runs slower.", self.numba, exc_info=True)
        finally:
            self._done.set()


def for_types_of(function: Any, *arguments: object) -> Any:  # noqa: ANN401
    """Return a kernel for arguments of the very types of these.

    A compiled function looks at the type of every argument at each call, which may take longer than
    its work. What is returned does not look: it would read an array of another dtype or memory
    layout as if it were of this one. So give it arrays whose type is known. Of NumPy's kernels, the
    function itself is returned.
    """
    if not hasattr(function, "typeof_pyval"):
        return function
    return function.compile(tuple(map(function.typeof_pyval, arguments)))


registered: list[Kernels] = []
"""The kernels of every module that has been imported."""

PACKAGE = Path(__file__).parents[1]

_fresh: set[str] = set()
"""Modules without compiled code of older sources. Only the thread that compiles uses these two."""
_stamp = ""

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


def _drop_stale() -> None:
    """Drop compiled code of older sources: of every imported module, since they call each other."""
    global _stamp
    if not _stamp:
        _stamp = stamp_of(PACKAGE.rglob("*_numba.py"))
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{PACKAGE.name}.") and name.endswith("_numba") and name not in _fresh:
            drop_stale(module, _stamp)
            _fresh.add(name)


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
