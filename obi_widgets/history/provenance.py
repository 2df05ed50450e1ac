"""Where states come from: market, time span and hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Provenance:
    """The data that settings were tuned on.

    Attributes
    ----------
    venue, symbol : str
        As in ``venue:SYMBOL``.
    start, end : str
        First and last event time, ISO 8601, UTC.
    states : int
        Number of book states.
    levels : int
        Levels a side that were kept.
    interval : float
        Seconds between kept states; 0 if every state was kept.
    sha256 : str
        `History.sha256` of the states.
    package : str
        The version of this package.
    gaps : int or None
        Number of gaps; None in files of versions that did not store it.
    source : str or None
        `History.source`: where the data came from, if neither from a venue nor from a recording.
    """

    venue: str
    symbol: str
    start: str
    end: str
    states: int
    levels: int
    interval: float
    sha256: str
    package: str
    gaps: int | None = None
    source: str | None = None

    @property
    def market(self) -> str:
        """``venue:SYMBOL``; empty where the market has no name."""
        return f"{self.venue}:{self.symbol}" if self.venue or self.symbol else ""

    def __str__(self) -> str:
        times = (f"{one[:10]} {one[11:19]}" for one in (self.start, self.end))
        gaps = "" if self.gaps is None else f", {counted(self.gaps, 'gap')}"
        given = "" if self.source is None else f", from {self.source}"
        return (
            f"{self.market or 'a market without a name'}, {' to '.join(times)} UTC, "
            f"{counted(self.states, 'state')} of {counted(self.levels, 'level')}{gaps}{given}, "
            f"sha256 {self.sha256[:12]}"
        )


def utc(times: ArrayLike) -> list[str]:
    """Return times in nanoseconds as ISO 8601 text."""
    return [f"{one}Z" for one in np.asarray(times, np.int64).view("datetime64[ns]")]


def joined(origins: Sequence[Provenance], gaps: int) -> Provenance | None:
    """Return the provenance of histories that follow each other, with a gap between each two.

    Its hash is that of their hashes, so that each may be hashed by another process. That of a
    single one is its own; None if there is none.

    Parameters
    ----------
    origins : sequence of Provenance
        Those of the histories, in order of time.
    gaps : int
        Number of gaps, those between them included.
    """
    if len(origins) < 2:
        return origins[0] if origins else None
    sources = dict.fromkeys(one.source for one in origins if one.source is not None)
    return replace(
        origins[0],
        end=origins[-1].end,
        states=sum(one.states for one in origins) + len(origins) - 1,
        interval=max(one.interval for one in origins),
        sha256=hashlib.sha256("\n".join(one.sha256 for one in origins).encode()).hexdigest(),
        gaps=gaps,
        source=" and ".join(sources) or None,
    )
