"""The version of this package, for whatever writes it into a file."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """Return the version that is installed; ``"0+unknown"`` where the package is not."""
    from importlib import metadata  # takes 20 ms, and most sessions never ask

    try:
        return metadata.version("obi-widgets")
    except metadata.PackageNotFoundError:
        return "0+unknown"
