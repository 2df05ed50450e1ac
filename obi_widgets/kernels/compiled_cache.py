"""Compiled kernels that an earlier version of the package has left on the disk.

numba finds what it has compiled by the source of the function itself. The functions that it calls
are part of the compiled code, but not of that key: after an upgrade that changes only these, it
would load the old code. So all that was compiled is dropped when the source of any kernel has
changed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType


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
    assert module.__file__ is not None
    stem = Path(module.__file__).stem
    own = [
        function
        for function in vars(module).values()
        if getattr(function, "__module__", None) == module.__name__
    ]
    caches = [getattr(function, "_cache", None) for function in own]
    paths = {getattr(cache, "cache_path", None) for cache in caches}  # None: it is not cached
    for folder in map(Path, filter(None, paths)):
        told = folder / f"{stem}.stamp"
        if told.is_file() and told.read_text() == stamp:
            continue
        for index in folder.glob(f"{stem}.*.nbi"):  # without its index, no compiled code is found
            index.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        told.write_text(stamp)
