"""What is between this computer and a venue."""

from __future__ import annotations

from typing import NamedTuple


class Route(NamedTuple):
    """What is between this computer and a venue.

    Attributes
    ----------
    proxy : str, optional
        URL of a proxy for websockets and HTTP; empty for none. None: those of the environment,
        ``HTTPS_PROXY`` and the like.
    origin : str
        The header ``Origin`` of websockets; empty for none.
    """

    proxy: str | None = None
    origin: str = ""
