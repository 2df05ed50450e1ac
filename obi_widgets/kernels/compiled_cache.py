"""Compiled kernels that an earlier version of the package has left on the disk.

numba finds what it has compiled by the source of the function itself. The functions that it calls
are part of the compiled code, but not of that key: after an upgrade that changes only these, it
would load the old code. So all that was compiled is dropped when the source of any kernel has
changed.

A mark beside the compiled code says that a module was compiled whole, for one processor, Python and
numba. Where it stands, loading takes moments, and needs no process of its own.

numba keeps compiled code beside the source, or in a folder of the user. Where it may write to
neither, it is kept in a temporary folder until this process ends.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

log = logging.getLogger(__name__)

NO_PLACE = "no locator available"
"""What numba says where it finds no folder to keep compiled code in."""


def stamp_of(files: Iterable[Path]) -> str:
    """Return a hash of source files, in the order of their names."""
    found = hashlib.sha256()
    for file in sorted(files):
        found.update(file.read_bytes())
    return found.hexdigest()


def drop_stale(module: ModuleType, stamp: str) -> None:
    """Drop what was compiled of a module from other sources than these.

    Parameters
    ----------
    module : module
        Module of compiled functions. Call this before one of them is called.
    stamp : str
        Hash of all sources.

    Raises
    ------
    OSError
        If something old cannot be removed.
    """
    stem = _stem(module)
    own = [
        function
        for function in vars(module).values()
        if getattr(function, "__module__", None) == module.__name__
    ]
    for folder in _folders(own):
        told = folder / f"{stem}.stamp"
        if told.is_file() and told.read_text() == stamp:
            continue
        # Without its index, no compiled code is found.
        for old in [*folder.glob(f"{stem}.*.nbi"), *folder.glob(f"{stem}.*.ready")]:
            old.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        told.write_text(stamp)


def keep_for_now() -> None:
    """Keep what is compiled in a folder of this process; it is for its child processes too."""
    from numba.core import config

    # Compiled code is run when it is loaded: nobody else may write there.
    folder = tempfile.mkdtemp(prefix="obi-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    vars(config)["CACHE_DIR"] = os.environ["NUMBA_CACHE_DIR"] = folder
    log.warning(
        "Compiled code is kept only until this process ends, since no folder for it can be "
        "written to. Set the variable NUMBA_CACHE_DIR to a folder of yours."
    )


def is_compiled(module: ModuleType, stamp: str) -> bool:
    """Return whether all of a module was compiled from these sources, for this processor."""
    mark = _mark(module, stamp)
    return mark is not None and mark.is_file()


def mark_compiled(module: ModuleType, stamp: str) -> None:
    """Take note that all of a module is compiled, for later processes."""
    mark = _mark(module, stamp)
    with suppress(OSError):  # a full disk: then later processes find out by themselves
        if mark is not None and not mark.is_file():
            mark.touch()


def folder_of(module: ModuleType) -> Path | None:
    """Return where numba keeps what it compiles of a module; None if it keeps nothing."""
    return min(_folders(vars(module).values()), default=None)


def _folders(functions: Iterable[object]) -> set[Path]:
    caches = [getattr(function, "_cache", None) for function in functions]
    paths = {getattr(cache, "cache_path", None) for cache in caches}  # None: it is not cached
    return {Path(path) for path in paths if isinstance(path, str)}


def _mark(module: ModuleType, stamp: str) -> Path | None:
    import numba
    from numba.core.registry import cpu_target

    folder = folder_of(module)
    if folder is None:
        return None
    # What numba itself takes for the same code: its version, Python's, and the processor.
    parts = (
        stamp, numba.__version__, sys.implementation.cache_tag,
        *cpu_target.target_context.codegen().magic_tuple(),
    )  # fmt: skip
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
    return folder / f"{_stem(module)}.{digest}.ready"


def _stem(module: ModuleType) -> str:
    assert module.__file__ is not None
    return Path(module.__file__).stem
