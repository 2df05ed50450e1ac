"""Gains of trading every entry, at executable prices and after fees.

Two questions are tested. Is the mean net gain of a trade above 0? And is it above the gain of a
portfolio that is long and short as often at random times, at the same cost? The second is the
excess gain Σ(x − x̄)·r / Σx², where x is the side of each entry and r the return of mid. If the
price drifts, a signal that is mostly on one side gains from the drift without predicting anything.

A trade of a smaller size counts for less: means are Σ w·r / Σ w, the gain per unit of the value
traded, where w is each trade's share of the whole size; see `obi_widgets.trading.sizing`. In the
excess gain, x is then the side times w.

Standard errors are Hodrick's with fixed-b critical values, as in `inference`, of the net gains in
the order in which they accrue: see `weighted`. A trade's net gain accrues until the trade is left,
by an exit or because its horizon is over. The gain at random times has no exits: the excess gain is
that of mid over the whole horizon.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.executed_returns import entry_returns
from obi_widgets.calibration.statistics.inference import mid_moves, prevailing
from obi_widgets.calibration.statistics.influence import influence
from obi_widgets.calibration.statistics.weighted import Bets, estimate, scores
from obi_widgets.trading.exits import NONE
from obi_widgets.trading.sizing import NO_GRADES, size_weights

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.exits import Exits
    from obi_widgets.trading.post_only import Queue

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class TradeGains:
    """Gains of trading every entry, each as a separate trade; shape (H,), NaN without a trade.

    Attributes
    ----------
    horizons : ndarray of float64
        Seconds. A trade is closed at the first state at or after the horizon's end, or by an exit.
    n : ndarray of int64
        Number of trades whose exit is known.
    missed : ndarray of int64
        Number of orders that were not filled, where the exit of a trade would be known.
    longs : ndarray of float64
        Fraction of trades that are long.
    gross_bps : ndarray of float64
        Mean gain before fees, bps: entered and closed at the touch, or at mid. This and the other
        means are weighted by size.
    net_bps : ndarray of float64
        Mean gain after the fees of both sides, bps.
    cost_bps : ndarray of float64
        Mean cost of a round trip, bps: fees, plus the return of mid minus the gross gain.
    won : ndarray of float64
        Fraction of trades with a net gain above 0.
    ci_low, ci_high : ndarray of float64
        Confidence interval of ``net_bps``.
    se_bps, b : ndarray of float64
        Hodrick standard error of ``net_bps``, and its lag as a fraction of the record.
    z : ndarray of float64
        Test of ``net_bps`` = 0, as the standard normal deviate of the same p value.
    without_bps : ndarray of float64
        ``net_bps`` without the most influential episode; NaN if no episodes were given.
    excess_bps, excess_low, excess_high, excess_z : ndarray of float64
        Gain in excess of being long and short as often at random times, its confidence interval,
        and its normal deviate. NaN if the signal never changes.
    """

    horizons: Floats
    n: NDArray[np.int64]
    missed: NDArray[np.int64]
    longs: Floats
    gross_bps: Floats
    net_bps: Floats
    cost_bps: Floats
    won: Floats
    ci_low: Floats
    ci_high: Floats
    se_bps: Floats
    b: Floats
    z: Floats
    excess_bps: Floats
    excess_low: Floats
    excess_high: Floats
    excess_z: Floats
    without_bps: Floats

    @property
    def move_bps(self) -> Floats:
        """Mean return of mid in the direction of the trade, from entry to exit, bps."""
        return self.net_bps + self.cost_bps

    @property
    def shortage(self) -> str:
        """Why no horizon has an interval, in words; empty if one has."""
        if not np.isnan(self.ci_low).all():
            return ""
        orders, trades = int((self.n + self.missed).max()), int(self.n.max())
        if not trades and orders:
            return (
                "the only order was not filled"
                if orders == 1
                else f"none of {orders:,} orders was filled"
            )
        if trades < 2:
            return "fewer than two trades have an end"
        return "the record is too short for the time that trades are held"

    @property
    def weaker_z(self) -> Floats:
        """The smaller of ``z`` and ``excess_z``: it is large only if both gains are above 0."""
        return np.asarray(np.minimum(self.z, self.excess_z))

    @property
    def p(self) -> Floats:
        """Two-sided p value of ``weaker_z``; NaN where that is."""
        tail = [NormalDist().cdf(-z) if z == z else np.nan for z in self.weaker_z.tolist()]
        return np.asarray(np.minimum(2 * np.array(tail), 1.0))

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with one row for each horizon, its index in seconds."""
        import pandas as pd

        gains = ("n", "missed", "gross_bps", "net_bps", "ci_low", "ci_high", "cost_bps", "won")
        names = (*gains, "excess_bps", "excess_low", "excess_high", "longs")
        index = pd.Index(self.horizons, name="horizon")
        return pd.DataFrame({name: getattr(self, name) for name in names}, index=index)


def traded(
    history: History,
    parameters: Parameters,
    x: Signs,
    horizons: ArrayLike,
    *,
    level: float = 0.95,
    episodes: NDArray[np.int64] | None = None,
    queue: Queue = "back",
    exits: Exits = NONE,
    grades: NDArray[np.int8] = NO_GRADES,
) -> TradeGains:
    """Return the gains of trading every entry as the settings say.

    Parameters
    ----------
    history : History
        T states.
    parameters : Parameters
        ``price``, ``fee_bps`` and the execution are used. An order that is not filled is no trade.
    x : ndarray of int8, shape (T,)
        Entries: +1 buys, −1 sells, 0 is none.
    horizons : array_like of float, shape (H,)
        Seconds.
    level : float
        Level of the confidence intervals, 0..1.
    episodes : ndarray of int64, shape (E,), optional
        Rows where episodes begin, for ``without_bps``; see `influence.influence`.
    queue : {"back", "front"}
        Which bound of post-only fills.
    exits : Exits
        What ends a trade before its horizon.
    grades : ndarray of int8, shape (T,) or (0,)
        How strong the signal is in each state, see `obi_widgets.trading.sizing`; empty if nothing
        depends on it.

    Returns
    -------
    TradeGains
    """
    executed = entry_returns(history, parameters, x, horizons, queue, exits, grades)
    share = size_weights(parameters, grades) if len(grades) else np.ones(1)  # one for all
    move, mid = mid_moves(history.mid), prevailing(history.mid)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.nan_to_num(1e4 / history.mid)
    counts, missed = np.zeros((2, len(executed.moves.horizons)), np.int64)
    out = np.full((15, len(counts)), np.nan)
    overlaps = executed.moves.overlap.tolist()
    # Of a long record each array of all states counts: what is of entries is kept of these alone.
    for row, end in enumerate(executed.moves.end):
        gross, fees = executed.gross_bps[row], executed.fees_bps[row]
        known = end >= 0
        entered = known & (x != 0) & ~np.isnan(gross)
        rows = np.flatnonzero(entered)
        counts[row] = n = len(rows)
        missed[row] = np.count_nonzero(known & (x != 0)) - n
        if not n:
            continue
        shares = np.where(entered, share, 0.0)
        total, size, gross = float(shares.sum()), shares[rows], gross[rows]
        fees = fees[rows] if fees.ndim else fees
        # A trade gains as mid moves while it is held, and no longer.
        ends = executed.ends[row][rows].astype(np.int64)
        spread_paid = x[rows] * size * (1e4 * (mid[ends] / mid[rows] - 1)) - size * gross
        paid = size * fees
        left, amount = np.full(len(x), -1, np.int32), np.zeros(len(x))
        left[rows], amount[rows] = ends, -spread_paid - paid
        bets = Bets(x * shares * weight, amount, shares)
        net = estimate(scores(bets, left, move, int(np.max(ends - rows))), n, level)
        del left, amount, bets
        bets, squares = _centred_bets(
            np.multiply(x, shares), known, executed.moves.bps[row], weight
        )
        excess = estimate(scores(bets, end, move, overlaps[row]), n, level)
        del bets
        scale = squares / total  # turns the regression slope into a gain per unit traded
        gains, without = gross - fees, np.nan
        if episodes is not None:
            signed = np.full(len(x), np.nan)
            signed[rows] = x[rows] * gains
            without = influence(x, signed, episodes, shares).mean_without
        fee = float(paid.sum() / total if fees.ndim else fees)
        mean = float((size * gains).sum()) / total
        cost = float(spread_paid.sum()) / total + fee
        out[:, row] = (
            np.mean(x[rows] > 0), mean + fee, mean, cost, np.mean(gains > 0),
            mean - net.margin, mean + net.margin, net.error, net.b, net.z,
            scale * excess.mean, scale * (excess.mean - excess.margin),
            scale * (excess.mean + excess.margin), excess.z, without,
        )  # fmt: skip
    return TradeGains(executed.moves.horizons, counts, missed, *out)


def _centred_bets(
    sides: Floats, known: NDArray[np.bool_], mid_bps: Floats, weight: Floats
) -> tuple[Bets, float]:
    """Return the bets of the sides less their mean, and the sum of the squares of these.

    Subtracting the mean side removes the gain of the same sides at random times. ``sides`` is
    written over.
    """
    states = np.count_nonzero(known)
    total = float(np.where(known, mid_bps, 0.0).sum())
    sides -= sides.sum() / states
    sides[~known] = 0.0
    amount = -sides
    amount *= total
    amount /= states
    squares = sides * sides
    total = float(squares.sum())
    sides *= weight
    return Bets(sides, amount, squares), total


def worse(back: TradeGains, front: TradeGains) -> TradeGains:
    """Return the worse of two bounds, horizon by horizon: the one with less evidence of a gain.

    That is the smaller ``z``. A bound without one says nothing, so that only a loss is worse. Where
    both are sure to lose, by their intervals, it is the one that loses more.
    """
    is_back = np.nan_to_num(back.z) <= np.nan_to_num(front.z)
    both_lose = (back.ci_high < 0) & (front.ci_high < 0)
    is_back = np.where(both_lose, back.net_bps <= front.net_bps, is_back)
    names = [column.name for column in fields(TradeGains)]
    return TradeGains(**{n: np.where(is_back, getattr(back, n), getattr(front, n)) for n in names})
