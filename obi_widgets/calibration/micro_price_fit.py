"""The fitted tables of the micro-price, and whether it is a martingale.

`obi_widgets.micro_price` fits these tables again and again on the past. Here they are fitted once,
on all states of a history, to be looked at: see `obi_widgets.signals.micro_price` for the formulas
and for what differs from public code.

A micro-price is a good one if nothing can be expected of its change: given imbalance and spread,
mid moves towards it by as much as they differ, and it stays where it is. `MicroPriceFit.martingale`
says by how much, bucket by bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.forward_returns import forward_returns
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.checks import above_zero, fraction, number
from obi_widgets.errors import HistoryError, counted
from obi_widgets.history.given import as_history
from obi_widgets.signals.micro_price import KERNELS, buckets_of, expected
from obi_widgets.signals.micro_price import micro_price as signal
from obi_widgets.signals.micro_price_numpy import NONE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Codes = NDArray[np.int16]


@dataclass(frozen=True, eq=False, repr=False)
class MicroPriceFit:
    """The tables of a micro-price.

    A state is a bucket of the imbalance and of the spread. There are ``S = 2n + 1``: first the n of
    more asks, in the middle all books with equal sizes, then the n of more bids, in the order of
    `table`. State ``S − 1 − s`` is the mirror image of state ``s``.

    Attributes
    ----------
    bucket : float
        Width of a bucket of the imbalance.
    widest : int
        Spreads of so many ticks and more are one bucket.
    tick_size : float
        Quote currency.
    stayed, moved : ndarray of int64, shape (S, S)
        How often a state followed another while mid stayed, and when it moved, mirror images
        included. Each state has one more move of no size to its mirror image, so that it has an
        exit.
    first : ndarray of float64, shape (S,)
        G¹, the expected first move of mid, ticks.
    b : ndarray of float64, shape (S, S)
        B, the state in which that move ends. Its rows sum to 1.
    adjustment : ndarray of float64, shape (S,)
        G*, the micro-price less mid, ticks, + for a rise. NaN in a state that was seen fewer than
        20 times.

    Examples
    --------
    >>> fit = obi.fit_micro_price(obi.simulate(seconds=120, seed=1), bucket=0.5, widest=1)
    >>> fit.table[["imbalance_from", "imbalance_to", "spread"]].values.tolist()
    [[0.0, 0.5, 1.0], [0.5, 1.0, 1.0]]
    """

    bucket: float
    widest: int
    tick_size: float
    stayed: Ints
    moved: Ints
    first: Floats
    b: Floats
    adjustment: Floats

    def __repr__(self) -> str:
        known = int(np.count_nonzero(~np.isnan(self.adjustment)))
        total = int(self.stayed.sum() + self.moved.sum() - len(self.b)) // 2
        moves = counted(total, "transition")
        return f"<MicroPriceFit: {moves}, {known} of {len(self.b)} states known>"

    @property
    def residual(self) -> float:
        """The largest |B*G¹|, ticks: 0 but for rounding, so that the sum of all moves converges."""
        # B* is the mean of all powers. Half of the steps are left out, so that states that swap at
        # each move have a limit too: it is the same.
        far = np.linalg.matrix_power((self.b + np.eye(len(self.b))) / 2, 1 << 20)
        return float(np.abs(far @ self.first).max())

    @property
    def table(self) -> pd.DataFrame:
        """A row for each bucket of more bids; those of more asks are the mirror image.

        Columns: ``imbalance_from`` (excluded), ``imbalance_to``, ``spread`` (ticks; the last is
        "or wider"), ``seen`` (states, mirror images included), ``moves`` of mid from it,
        ``first_ticks`` (G¹), ``ticks`` (G*).
        """
        import pandas as pd

        n = len(self.b) // 2
        upper = slice(n + 1, None)
        low, high, spread = self._buckets()
        # Without the moves that were added.
        moves = self.moved.sum(axis=1)[upper] - 1
        return pd.DataFrame({
            "imbalance_from": low,
            "imbalance_to": high,
            "spread": spread,
            "seen": self.stayed.sum(axis=1)[upper] + moves,
            "moves": moves,
            "first_ticks": self.first[upper],
            "ticks": self.adjustment[upper],
        })  # fmt: skip

    def values(self, history: History) -> Floats:
        """Return how far the micro-price is above mid in each state, in spreads.

        Parameters
        ----------
        history : History
            T states: those of the fit, or of another time.

        Returns
        -------
        ndarray of float64, shape (T,)
            NaN without both sides, and in a state that the fit has no value for.

        Raises
        ------
        HistoryError
            If it is no history, or its ticks have another size.
        """
        code, _ = self._states(history)
        return np.asarray(self._ticks(code) * self.tick_size / history.spread)

    def martingale(
        self, history: History, seconds: float = 10.0, *, level: float = 0.95
    ) -> pd.DataFrame:
        """Return by how much mid and micro-price move after each bucket.

        Parameters
        ----------
        history : History
            States: those of the fit, or better of a later time.
        seconds : float
            How much later both are looked at, above 0. As far as the last state within.
        level : float
            Level of the intervals, 0 to 1.

        Returns
        -------
        DataFrame
            A row for each bucket, mirror images together: + is a move to the side with more.
            Columns: ``imbalance_from``, ``imbalance_to``, ``spread``; ``ticks``, what the fit
            expects of mid in the end; ``mid``, ``mid_low``, ``mid_high``: mean move of mid, ticks,
            and its interval by blocks of time; ``micro`` and the same of the micro-price: 0 for a
            martingale; ``n``: states. NaN where nothing is known.

        Raises
        ------
        HistoryError, SettingsError
            As `values`, or a number out of its range.
        """
        import pandas as pd

        seconds, level = above_zero("seconds", seconds), fraction("level", level)
        code, twice = self._states(history)
        end = forward_returns(history, [seconds]).end[0]
        rows = np.flatnonzero((end >= 0) & (code != NONE))
        to = end[rows]
        above, side = self._ticks(code), np.sign(code[rows].astype(float))
        mid = side * (twice[to] - twice[rows]) / 2
        micro = mid + side * (above[to] - above[rows])
        of = np.abs(code[rows].astype(np.int64))
        low, high, spread = self._buckets()
        table = []
        for number_of, adjustment in enumerate(self.adjustment[len(self.b) // 2 + 1 :]):
            here = of == number_of + 1
            place = low[number_of], high[number_of], spread[number_of]
            at, one = history.elapsed[rows][here], np.ones(int(here.sum()))
            means = [
                block_mean(moves[here], one, at, shortest=round(seconds * 1e9), level=level)
                for moves in (mid, micro)
            ]
            table.append((*place, adjustment, *means[0][:3], *means[1][:3], means[1].n))
        columns = [
            "imbalance_from", "imbalance_to", "spread", "ticks", "mid", "mid_low", "mid_high",
            "micro", "micro_low", "micro_high", "n",
        ]  # fmt: skip
        return pd.DataFrame(table, columns=columns)

    def _buckets(self) -> tuple[Floats, Floats, Ints]:
        """Return the bounds of each bucket's imbalance and its spread, ticks, each shape (n,)."""
        count = buckets_of(self.bucket)
        edges = np.round(np.minimum(np.arange(count + 1) * self.bucket, 1.0), 12)
        low, high = (np.tile(one, self.widest).astype(float) for one in (edges[:-1], edges[1:]))
        return low, high, np.repeat(np.arange(1, self.widest + 1), count)

    def _states(self, history: History) -> tuple[Codes, Ints]:
        history = as_history(history)
        if len(history) and not np.isclose(history.tick_size, self.tick_size, rtol=1e-9):
            raise HistoryError(
                f"The ticks of the history are {history.tick_size:g}, and those of the fit "
                f"{self.tick_size:g}.",
                "Fit and use it with data of one market.",
            )
        return states_of(history, self.bucket, self.widest)

    def _ticks(self, code: Codes) -> Floats:
        """Return G* of each state of a history, ticks; NaN where there is none."""
        known = code != NONE
        out = np.full(len(code), np.nan)
        out[known] = self.adjustment[code[known].astype(np.int64) + len(self.b) // 2]
        return out


def fit_micro_price(history: History, *, bucket: float = 0.2, widest: float = 2.0) -> MicroPriceFit:
    """Fit the micro-price on all states of a history, and return its tables.

    What it says of the same history knows what came later. `obi_widgets.micro_price` is the signal:
    it has the same tables, fitted on the past of each state alone.

    Parameters
    ----------
    history : History
        T states, all that were kept: at ``interval=0`` each change of the best is one.
    bucket : float
        Width of a bucket of the imbalance, 0.1 to 1.
    widest : float
        Spreads of so many ticks and more are one bucket, 1 to 5, rounded to whole ticks.

    Returns
    -------
    MicroPriceFit
        Counts, G¹, B and G*; what it expects in each bucket by `MicroPriceFit.table`; whether it is
        a martingale by `MicroPriceFit.martingale`.

    Raises
    ------
    HistoryError, SettingsError
        No history, or a number out of its range.

    References
    ----------
    Stoikov (2018), "The micro-price: a high-frequency estimator of future prices", Quantitative
    Finance 18, 1959.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> fit = obi.fit_micro_price(history[:600])
    >>> bool(np.allclose(fit.b.sum(axis=1), 1)), fit.residual < 1e-9
    (True, True)
    >>> fit.martingale(history[600:], seconds=1).shape == (10, 11)
    True
    """
    history = as_history(history)
    values = signal.check({"bucket": bucket, "widest": widest})
    bucket, wide = number("bucket", bucket, 0.1, 1), round(values["widest"])
    code, twice = states_of(history, bucket, wide)
    size = 2 * buckets_of(bucket) * wide + 1
    stayed, moved = np.zeros((2, size, size), np.int64)
    change = np.zeros(size, np.int64)
    rows = np.flatnonzero((code[:-1] != NONE) & (code[1:] != NONE))
    begin, end = (code[rows + step].astype(np.int64) + size // 2 for step in (0, 1))
    by = twice[rows + 1] - twice[rows]
    for table, which in ((stayed, by == 0), (moved, by != 0)):
        np.add.at(table, (begin[which], end[which]), 1)
        table += table[::-1, ::-1].copy()  # the mirror image
    np.add.at(change, begin, by)
    change -= change[::-1].copy()
    seen = stayed.sum(axis=1) + moved.sum(axis=1)
    each = np.arange(size)
    moved[each, each[::-1]] += 1
    total = (seen + 1)[:, None]
    inverse = np.linalg.inv(np.eye(size) - stayed / total)
    first = inverse @ (change / total[:, 0]) / 2
    # G* is odd, so that half of the states are enough: as the signal has it.
    upper = slice(size // 2 + 1, None)
    passed = (stayed + moved)[upper, upper] - (stayed + moved)[upper, size // 2 - 1 :: -1]
    passed[each[: size // 2], each[: size // 2]] += 1  # without the move that `expected` adds
    half = expected(seen[None, upper], passed[None], change[None, upper])[0] / 2
    return MicroPriceFit(
        bucket, wide, history.tick_size, stayed, moved, first, inverse @ (moved / total),
        np.concatenate([-half[::-1], [0.0], half]),
    )  # fmt: skip


def states_of(history: History, bucket: float, widest: int) -> tuple[Codes, Ints]:
    """Return the code of each state, and twice its mid in ticks; see `micro_price_numpy.states`."""
    code, twice = np.empty(len(history), np.int16), np.empty(len(history), np.int64)
    for rows, block, at in history.runs():
        KERNELS.current().states(
            history.bid[rows], history.ask[rows], block.sizes, at, history.tick_size, bucket,
            buckets_of(bucket), widest, code[rows], twice[rows],
        )  # fmt: skip
    return code, twice
