"""Loader of compiled kernels. Callers use NumPy until the compiler is done, and need not wait.

Each kernel is written twice, in two modules beside its concept: for NumPy, which is ready at once,
and for numba, which has to be compiled or loaded from the cache of an earlier process. Both return
the same results to the bit. The loader imports no kernel itself: a module registers its own kernels
with `Kernels`.

Kernels are compiled one at a time, in a process of low priority, and then loaded here from numba's
cache. Where somebody waits for one, this process compiles them itself.
"""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections import deque
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.kernels.compiled_cache import (
    NO_PLACE,
    drop_stale,
    is_compiled,
    keep_for_now,
    mark_compiled,
    stamp_of,
)
from obi_widgets.kernels.compiler import CompilerProcess

if TYPE_CHECKING:
    from types import ModuleType

log = logging.getLogger(__name__)

TRIES = 5
"""How often compiling is tried where something changes what the compiler reads."""

CHANGED = "changed size during iteration"
"""What Python says of it."""


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
        self._requested = self._aloud = False
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

    @property
    def name(self) -> str:
        """A word for them: that of their module."""
        return self.numba.rpartition(".")[2].removesuffix("_numba")

    def wait(self, *, aloud: bool = False) -> bool:
        """Wait until compilation has ended; return whether it succeeded.

        Parameters
        ----------
        aloud : bool
            Whether to say that a result waits for the compiler, if it does.
        """
        if not self._done.is_set():
            self._aloud = self._aloud or aloud
            _hurry(self)
            self.start()
            self._done.wait()
        return self.code is not None and self.code.__name__ == self.numba

    def compile(self, by: CompilerProcess | None = None) -> None:
        """Import and compile the functions; keep those of NumPy if that fails.

        Parameters
        ----------
        by : CompilerProcess, optional
            What compiles them, unless they are in the cache. None: this process.
        """
        global _now
        try:
            code = module_of(self.numba)
            _drop_stale()
            if not is_compiled(code, _stamp):
                _tell(self)
                if by is not None:
                    by.compile(self.numba)
            compile_all(code)  # from the cache, if it is there
            mark_compiled(code, _stamp)
            self.code = code
        except Exception as error:  # no compiler for this Python, for example
            log.warning("%s cannot be compiled, so it runs slower: %s", self.numba, error)
            log.debug("It failed so.", exc_info=True)
        finally:
            _now = None
            self._done.set()


def module_of(name: str) -> ModuleType:
    """Return the module of compiled functions of a name, with a place for what is compiled."""
    try:
        return import_module(name)
    except RuntimeError as error:
        if NO_PLACE not in str(error):
            raise
        keep_for_now()
        return import_module(name)


def compile_all(code: ModuleType) -> None:
    """Compile the functions of a module, again if Python's builtins were changed meanwhile.

    numba looks through the builtins when it begins, and IPython adds to them, and takes away from
    them, in another thread: at the beginning and the end of each cell.
    """
    for left in reversed(range(TRIES)):
        try:
            code.compile_all()
        except RuntimeError as error:
            if not left or CHANGED not in str(error):
                raise
        else:
            return


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
_process: CompilerProcess | None = None
"""What compiles for that thread, while it is running."""
_hurried = False
"""Whether somebody waits. Then this process compiles, until nothing is left."""
_now: Kernels | None = None
"""What is being compiled, and not just loaded."""
_told = False
"""Whether it was said that the thread compiles."""
_shown_by: weakref.WeakSet[Any] = weakref.WeakSet()

ONCE = "once for this installation."
MEANWHILE = f"{ONCE} All works meanwhile, but more slowly."


def busy() -> bool:
    """Return whether requested kernels are still being compiled."""
    return _compiling


def sentence() -> str:
    """Return what is being compiled; empty if nothing is, or if all is only loaded."""
    if _now is None:
        return ""
    left = 1 + len(_waiting)
    return f"Compiling {left} part{'s' if left > 1 else ''} of the program, {MEANWHILE}"


def shown_by(widget: object, *, shows: bool = True) -> None:
    """Take note that a widget shows `sentence`, so that it need not be written; or no longer."""
    (_shown_by.add if shows else _shown_by.discard)(widget)


def wait() -> bool:
    """Compile the kernels of all imported modules; return whether all of them succeeded."""
    for kernels in registered:
        if not kernels._requested:
            _hurry(kernels)
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
    global _compiling, _process, _told
    with _lock:
        if kernels._requested:
            return
        kernels._requested = True
        _waiting.append(kernels)
        if not _compiling:
            _compiling, _process, _told = True, CompilerProcess(), False
            threading.Thread(target=_work, name="obi-compiler", daemon=True).start()


def _hurry(kernels: Kernels) -> None:
    """Compile in this process from now on, and these kernels first."""
    global _hurried
    with _lock:
        _hurried = True
        if kernels in _waiting:
            _waiting.remove(kernels)
            _waiting.appendleft(kernels)
        if _process is not None:
            _process.give_up()


def _work() -> None:
    """Compile the queued kernels one after the other: numba's compiler holds a global lock."""
    global _compiling, _hurried, _process
    while True:
        with _lock:
            process = _process
            if not _waiting:
                _compiling, _hurried, _process = False, False, None
                break
            kernels, by = _waiting.popleft(), None if _hurried else process
        kernels.compile(by)
    if process is not None:
        process.close()


def _tell(kernels: Kernels) -> None:
    """Say once that kernels are being compiled, unless a widget shows it or others wait for it."""
    global _now, _told
    _now = kernels
    if _hurried:
        if kernels._aloud:
            _write(f"compiling {kernels.name}, {ONCE} The result waits for it.")
    elif not (_told or _shown_by):
        _told = True
        with _lock:
            names = ", ".join([kernels.name, *(one.name for one in _waiting)])
        _write(f"compiling {names}, {MEANWHILE}")


def _write(text: str) -> None:
    # A notebook has the error stream on red: this is no error.
    in_notebook = type(sys.stdout).__module__.startswith("ipykernel")
    out = sys.stdout if in_notebook else sys.stderr
    with suppress(AttributeError, OSError, ValueError):  # there is none, or it was closed
        out.write(f"obi_widgets: {text}\n")
        out.flush()
