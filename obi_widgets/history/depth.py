"""Depth of the book by price bin, once a second, also beyond the levels that are kept.

A bin is a range of prices of fixed width, about one basis point at the start of the history: bin
``k`` holds the prices from ``k * step`` up to, but without, ``(k + 1) * step``. A sample is taken
of the first book, of the first book after each gap, and of the first book in each second of event
time. A second without a change has no sample; the previous one still holds.

Only bins that are wholly known are included. A missing bin is unknown; a bin of size 0 is known to
be empty.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.checks import as_float
from obi_widgets.errors import HistoryError, quoted
from obi_widgets.history.grid import on_grid
from obi_widgets.history.unchecked import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

TIME, RECEIVED, ROW, END, BID_LOW, BID_HIGH, ASK_LOW, ASK_HIGH = range(8)
"""Rows of `Depth.samples`."""

COLUMNS = 8


@dataclass(frozen=True, eq=False)
class Depth:
    """Depth by price bin, ``history.depth``. Immutable.

    Attributes
    ----------
    samples : ndarray of int64, shape (8, S)
        For each sample: event time and receive time, ns UTC; the number of its state, counted
        as ``history.start`` is; the end of its sizes, counted from the first sample ever; the first
        bin of the bids and the one after their last, and the same of the asks.
    reach : ndarray of float32, shape (2, S)
        Distance from mid up to which each side is sampled, bps, bids first; infinite if the whole
        side is, NaN without a mid.
    sizes : ndarray of float32, shape (N,)
        Base units, sample by sample: its bids, then its asks, each from the lowest price up.
    step : float
        Width of a bin, quote currency. 0 where there is no sample.
    start : int
        Number of sizes before the first of these.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> depth = obi.simulate(seconds=60, seed=1).depth
    >>> prices, sizes = depth.grid(+1)  # a row a sample, a column a bin of the bids
    >>> sizes.shape == (len(depth), len(prices))
    True
    """

    samples: Ints
    reach: Singles
    sizes: Singles
    step: float = 0.0
    start: int = 0

    def __post_init__(self) -> None:
        for column in (self.samples, self.reach, self.sizes):
            column.flags.writeable = False  # they are shared with a session

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)  # from another process
        self.__post_init__()

    @classmethod
    def none(cls) -> Depth:
        """Return a table without samples."""
        nothing = np.empty((2, 0), np.float32)
        return cls(np.empty((COLUMNS, 0), np.int64), nothing, nothing[0])

    def __len__(self) -> int:
        return int(self.samples.shape[1])

    def __getitem__(self, which: slice) -> Depth:
        """Return the samples of a slice, sharing memory."""
        if not isinstance(which, slice):
            raise HistoryError("Depth is sliced.", "For one sample, give depth[5:6].")
        first, last, step = which.indices(len(self))
        if step != 1:
            raise HistoryError("Depth is sliced without a step.", "Leave the step out.")
        last = max(first, last)
        ends = self.samples[END]
        begin = int(ends[first - 1]) if first else self.start
        end = int(ends[last - 1]) if last > first else begin
        return changed(
            self,
            samples=self.samples[:, first:last],
            reach=self.reach[:, first:last],
            sizes=self.sizes[begin - self.start : end - self.start],
            start=begin,
        )

    def of_states(self, first: int, last: int) -> Depth:
        """Return the samples of the states from one number up to another, sharing memory."""
        if not len(self):
            return self
        return self[slice(*self.samples[ROW].searchsorted((first, last)).tolist())]

    def __repr__(self) -> str:
        if not len(self):
            return "<Depth none>"
        first, last = self.time[[0, -1]].view("datetime64[ns]")
        return (
            f"<Depth {len(self):,} samples in bins of {self.step:g}, "
            f"{str(first)[:19]} to {str(last)[:19]} UTC>"
        )

    @property
    def time(self) -> Ints:
        """The exchange's time, ns UTC, shape (S,), never decreasing."""
        return np.asarray(self.samples[TIME])

    @property
    def received(self) -> Ints:
        """The local clock's time, ns UTC, shape (S,)."""
        return np.asarray(self.samples[RECEIVED])

    def grid(self, side: int) -> tuple[Floats, Singles]:
        """Return one side as a rectangle of samples and bins, for a picture.

        Parameters
        ----------
        side : int
            +1 for bids, −1 for asks.

        Returns
        -------
        ndarray of float64, shape (B,)
            The lowest price of each bin, in increasing order: all bins that any sample has.
        ndarray of float32, shape (S, B)
            Base units; 0 where nothing stands, NaN where it is not known what does.

        Raises
        ------
        HistoryError
            Another side.
        """
        which = _side(side)
        sample, bins, sizes = self._flat(which)
        first, last = (int(bins.min()), int(bins.max()) + 1) if len(bins) else (0, 0)
        out = np.full((len(self), last - first), np.nan, np.float32)
        out[sample, bins - first] = sizes
        return on_grid(np.arange(first, last, dtype=float), self.step or 1.0), out

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, a row for each bin of each sample.

        Returns
        -------
        DataFrame
            Index ``time`` (UTC); ``side`` (+1 bids, −1 asks), ``price`` (the bin's lowest, quote
            currency), ``size`` (base units).
        """
        import pandas as pd

        parts = []
        for which, side in ((0, +1), (1, -1)):
            sample, bins, sizes = self._flat(which)
            prices = on_grid(bins.astype(float), self.step or 1.0)
            parts.append((sample, np.full(len(sample), side, np.int8), prices, sizes))
        sample, sides, prices, amounts = map(np.concatenate, zip(*parts, strict=True))
        order = np.argsort(sample, kind="stable")
        time = pd.to_datetime(self.time[sample[order]].view("datetime64[ns]"), utc=True)
        return pd.DataFrame(
            {"side": sides[order], "price": prices[order], "size": amounts[order]},
            index=pd.DatetimeIndex(time, name="time"),
        )

    def sha256(self) -> str:
        """Return a hash of times, bins, reach and sizes.

        It does not depend on how they are stored, nor on the receive times.
        """
        digest = hashlib.sha256(f"{self.step if len(self) else 0.0!r} ".encode())
        for column in (self.samples[[TIME, *range(BID_LOW, COLUMNS)]], self.reach, self.sizes):
            digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()

    def _flat(self, which: int) -> tuple[Ints, Ints, Singles]:
        """Return sample, bin and size of all bins of one side: 0 for bids, 1 for asks."""
        bids, asks = self._counts()
        counts = (bids, asks)[which]
        begins = self.samples[END] - self.start - asks - (bids if which == 0 else 0)
        sample = np.repeat(np.arange(len(self)), counts)
        within = np.arange(len(sample)) - np.repeat(np.cumsum(counts) - counts, counts)
        lowest = self.samples[(BID_LOW, ASK_LOW)[which]]
        return sample, lowest[sample] + within, self.sizes[begins[sample] + within]

    def _counts(self) -> tuple[Ints, Ints]:
        """Return how many bins of bids and of asks each sample has."""
        samples = self.samples
        return samples[BID_HIGH] - samples[BID_LOW], samples[ASK_HIGH] - samples[ASK_LOW]

    def coarser(self, step: float) -> Depth:
        """Return the same in wider bins; one that is not known as a whole is left out.

        Raises
        ------
        HistoryError
            A width that is no multiple of the present one.
        """
        if not len(self):
            return changed(self, step=step)
        factor = round(step / self.step)
        if abs(factor * self.step - step) > 1e-9 * step:
            raise HistoryError(
                f"One has depth in bins of {self.step:g}, and another of {step:g}.",
                "Join them without depth: dataclasses.replace(history, depth=obi.Depth.none()).",
            )
        if factor == 1:
            return self
        samples = self.samples.copy()
        # A side ends at its best price: beyond it nothing of the side can be.
        samples[BID_LOW] = -(-self.samples[BID_LOW] // factor)
        samples[BID_HIGH] = -(-self.samples[BID_HIGH] // factor)
        samples[ASK_LOW] = self.samples[ASK_LOW] // factor
        samples[ASK_HIGH] = self.samples[ASK_HIGH] // factor
        for low, high in ((BID_LOW, BID_HIGH), (ASK_LOW, ASK_HIGH)):
            samples[high] = np.maximum(samples[high], samples[low])
        bids, asks = samples[BID_HIGH] - samples[BID_LOW], samples[ASK_HIGH] - samples[ASK_LOW]
        samples[END] = np.cumsum(bids + asks)
        begins = samples[END] - bids - asks
        sums = np.zeros(int(samples[END, -1]))
        for which, low, high, begin in (
            (0, BID_LOW, BID_HIGH, begins), (1, ASK_LOW, ASK_HIGH, begins + bids),
        ):  # fmt: skip
            sample, bins, sizes = self._flat(which)
            wide = bins // factor
            inside = (wide >= samples[low, sample]) & (wide < samples[high, sample])
            sample, wide = sample[inside], wide[inside]
            np.add.at(sums, begin[sample] + wide - samples[low, sample], sizes[inside])
        return Depth(samples, self.reach, sums.astype(np.float32), step)


def joined(parts: Sequence[Depth], moves: Sequence[int]) -> Depth:
    """Return the samples of several tables, one after the other, in the widest bins of them.

    Parameters
    ----------
    parts : sequence of Depth
        In the order of time.
    moves : sequence of int
        What to add to the numbers of each one's states.

    Raises
    ------
    HistoryError
        Bins of which none is a multiple of the others.
    """
    step = max((one.step for one in parts if len(one)), default=0.0)
    wide, before = [], 0
    for one, move in zip(parts, moves, strict=True):
        part = one.coarser(step)
        samples = part.samples.copy()
        samples[ROW] += move
        samples[END] += before - part.start
        before += len(part.sizes)
        wide.append((samples, part.reach, part.sizes))
    samples, reach, sizes = (np.concatenate(column, axis=-1) for column in zip(*wide, strict=True))
    return Depth(samples, reach, sizes, step)


def _side(side: object) -> int:
    """Return 0 for bids (+1) and 1 for asks (−1); refuse what is neither."""
    if as_float(side) not in (1, -1):
        raise HistoryError(
            f"side = {quoted(side)} is not possible.", "Give +1 for bids, or -1 for asks."
        )
    return 0 if as_float(side) > 0 else 1
