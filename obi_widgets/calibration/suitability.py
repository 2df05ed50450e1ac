"""Whether a symbol can pay for its costs at all: spread, depth, activity and volatility.

No score: how far mid moves within a hold is set against what a round trip costs. If a signal knew
nothing of the size of moves, and were right in a share p of its entries, the mean gain would be
(2p − 1) · E|move| − cost. So p must exceed

    ½ + cost / (2 · E|move|)

Above 1, no signal that is only right about the side can pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.forward_returns import forward_returns
from obi_widgets.calibration.quality.time_weights import held
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.history.given import as_history
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import LevelsUsed
from obi_widgets.signals.depth_within import depth_within
from obi_widgets.trading.post_only import has_trades

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings


@dataclass(frozen=True)
class Suitability:
    """What a symbol offers against what it costs; `obi_widgets.suitability` makes it.

    Attributes
    ----------
    market : str
        As ``venue:SYMBOL``.
    hours : float
        Length of the record in sync.
    spread_bps, spread_ticks : float
        Mean quoted spread over time: basis points of mid, and ticks.
    touch_value : float
        Mean value at the best price of the thinner side, quote currency.
    states_a_second : float
        Kept states, not raw events.
    trades_a_minute, value_an_hour : float
        What takers traded while the book was in sync: number, and value in quote currency; NaN
        where no trades were kept.
    hold_seconds : float
        The hold of the settings.
    move_bps, move_low, move_high : float
        Mean distance that mid moves within a hold, to either side, bps, with its 95 % interval.
    cost_bps : float
        Round trip of a taker: two fees and, at the touch, the mean spread, bps.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> found = obi.suitability(obi.simulate(seconds=120, seed=1), obi.Settings(fee_bps=5))
    >>> print(found.sentence.partition(":")[0])
    sim
    """

    market: str
    hours: float
    spread_bps: float
    spread_ticks: float
    touch_value: float
    states_a_second: float
    trades_a_minute: float
    value_an_hour: float
    hold_seconds: float
    move_bps: float
    move_low: float
    move_high: float
    cost_bps: float

    @property
    def needed(self) -> float:
        """Share of entries that must be on the right side to pay the costs; above 1: impossible."""
        return 0.5 + self.cost_bps / (2 * self.move_bps) if self.move_bps > 0 else float("nan")

    @property
    def sentence(self) -> str:
        """What the figures say, in words."""
        if not self.move_bps > 0:
            return f"{self.market}: mid does not move within {self.hold_seconds:g} s here."
        said = (
            f"{self.market}: in {self.hold_seconds:g} s mid moves {self.move_bps:.2f} bps in the "
            f"mean, and a round trip costs {self.cost_bps:.2f} bps"
        )
        if self.needed >= 1:
            return f"{said}: being right about the side cannot pay for that."
        return f"{said}: a signal must be right in {100 * self.needed:.1f} % of its entries to pay."

    def __str__(self) -> str:
        return self.sentence


def suitability(history: History, settings: Settings | Parameters) -> Suitability:
    """Return what a symbol offers against what it costs, before any signal is looked at.

    Parameters
    ----------
    history : History
        Book states.
    settings : Settings or Parameters
        ``hold_seconds``, ``fee_bps`` and ``price`` are used.

    Returns
    -------
    Suitability
        Plain figures and a sentence. There is no score: which figures matter depends on the signal.

    Raises
    ------
    HistoryError, SettingsError
        No history, or no settings.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> found = obi.suitability(history, obi.Settings(hold_seconds=10, fee_bps=0))
    >>> found.cost_bps == found.spread_bps
    True
    >>> 0.5 < found.needed
    True
    """
    history, parameters = as_history(history), Parameters.of(settings)
    time, at = held(history), history.elapsed
    with np.errstate(invalid="ignore"):
        bps = 1e4 * history.spread / history.mid
    seconds = float(at[-1]) / 1e9 if len(at) else 0.0
    touch = np.minimum(*(depth_within(history, LevelsUsed(1), which)[1] for which in (0, 1)))
    touch[np.isnan(history.mid)] = np.nan
    hold = parameters.hold_seconds
    moves = np.abs(forward_returns(history, [hold]).bps[0])
    move = block_mean(moves, time, at, shortest=round(hold * 1e9))
    spread = block_mean(bps, time, at).mean
    trades = value = float("nan")
    if has_trades(history) and seconds:
        # Those that came during a gap do not count, as its time does not.
        timed = np.append(False, ~history.lost[:-1])
        counts = np.repeat(timed, np.diff(history.trade_ends, prepend=history.trades.start))
        values = history.trades.price * history.trades.size
        trades = 60 * int(np.count_nonzero(counts)) / seconds
        value = 3600 * float(values[counts].sum()) / seconds
    market = history.instrument
    return Suitability(
        f"{market.venue}:{market.symbol}".strip(":") or "This market",
        seconds / 3600,
        spread,
        block_mean(history.spread / history.tick_size, time, at).mean,
        block_mean(touch, time, at).mean,
        int(np.count_nonzero(~history.lost)) / seconds if seconds else float("nan"),
        trades,
        value,
        hold,
        *move[:3],
        2 * parameters.fee_bps + (spread if parameters.price == "touch" else 0.0),
    )
