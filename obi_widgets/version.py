"""The version of this package, which saved files record."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """Return the installed version; ``"0+unknown"`` if the package is not installed."""
    from importlib import metadata  # imported here: it takes 20 ms, and most sessions never ask

    try:
        return metadata.version("obi-widgets")
    except metadata.PackageNotFoundError:
        return "0+unknown"
