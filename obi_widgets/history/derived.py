"""Columns derived from those that a history stores."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.levels import LevelReader
from obi_widgets.history.provenance import Provenance, utc
from obi_widgets.history.silences import known
from obi_widgets.history.trades import sums
from obi_widgets.version import version

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.flow import Flow
    from obi_widgets.history.silences import Silence
    from obi_widgets.history.trades import Taken, Trades
    from obi_widgets.market_data.events import Instrument

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class DerivedColumns(LevelReader):
    """Properties of `History` derived from times, best prices and trades."""

    time: Ints
    instrument: Instrument
    interval: float
    trades: Trades
    trade_ends: Ints
    flow: Flow | None
    start: int
    silences: tuple[Silence, ...]
    source: str

    @cached_property
    def mid(self) -> Floats:
        """Mean of best bid and best ask, quote currency; NaN without both."""
        return np.asarray((self.bid + self.ask) / 2)

    @property
    def spread(self) -> Floats:
        """Best ask minus best bid, quote currency; NaN without both."""
        return self.ask - self.bid

    @property
    def gaps(self) -> int:
        """Number of times that the book stopped being in sync."""
        lost = self.lost
        return int(np.count_nonzero(lost[1:] & ~lost[:-1]) + bool(len(lost) and lost[0]))

    @cached_property
    def lost(self) -> NDArray[np.bool_]:
        """True where the book was not in sync (no bid and no ask), shape (T,)."""
        return np.asarray(np.isnan(self.bid) & np.isnan(self.ask))

    @cached_property
    def run_began(self) -> Ints:
        """Event time of the first state after the latest gap, shape (T,)."""
        if not self.lost.any():  # as in most histories
            return np.full_like(self.time, self.time[0] if len(self) else 0)
        begins = np.append(True, self.lost[:-1])
        rows = np.maximum.accumulate(np.where(begins, np.arange(len(self)), 0))
        return np.asarray(self.time[rows])

    @cached_property
    def elapsed(self) -> Ints:
        """Nanoseconds in sync since the first state, without gaps, shape (T,)."""
        step = np.diff(self.time, prepend=self.time[:1])
        step[1:][self.lost[:-1]] = 0
        return np.asarray(np.cumsum(step))

    @cached_property
    def trades_known(self) -> NDArray[np.bool_]:
        """False where the stream of trades seems to have stopped while the book went on.

        Shape (T,). See `obi_widgets.history.silences` for the rule. Post-only fills are unknown
        there.
        """
        return known(self.silences, self.start, len(self))

    @cached_property
    def taken(self) -> Taken:
        """Takers' volume between each state and the previous one."""
        return sums(self)

    def sha256(self) -> str:
        """Return a hash of the states: times, best prices, every level's tick and size, and flow.

        It does not depend on storage or on receive times, so a recording replayed elsewhere has
        the same hash. The other tables have their own hashes.
        """
        digest = hashlib.sha256(f"{self.levels} {self.tick_size!r} ".encode())
        for column in (self.time, self.bid, self.ask):
            digest.update(np.ascontiguousarray(column).data)
        for _, block in self.chunks():
            digest.update(np.ascontiguousarray(block.ticks.astype("<u4").transpose(2, 0, 1)).data)
        for _, block in self.chunks():
            digest.update(np.ascontiguousarray(block.sizes.transpose(2, 0, 1)).data)
        if self.flow is not None:
            self.flow.add_to(digest)
        return digest.hexdigest()

    @cached_property
    def provenance(self) -> Provenance | None:
        """Market, time span and hash of the states; None without states.

        The hash is computed once; for an hour of 50 levels this takes about 0.05 s.
        """
        if not len(self):
            return None
        start, end = utc(self.time[[0, -1]])
        return Provenance(
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            start=start,
            end=end,
            states=len(self),
            levels=self.levels,
            interval=self.interval,
            sha256=self.sha256(),
            package=f"obi-widgets {version()}",
            gaps=self.gaps,
            source=self.source or None,
        )
