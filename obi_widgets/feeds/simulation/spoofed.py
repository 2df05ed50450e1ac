"""A simulated market with walls that are only shown, of which it is known when and where.

Runs of fake levels begin at random. All of a run are on one side, bids or asks with probability
1/2. One after the other is placed 30 to 70 ticks from the best price (2 to 4 bps), 25 to 50 times
as large as a usual order. It stands for 1.5 to 4 seconds, or until the best price comes within 20
ticks, and is pulled whole. Half a second to two seconds later the next one follows. No taker meets
one. So a fake level has all that a signal of the visible book reads, and none of what it stands
for.

``against`` makes them mislead: from the first fake level of a run until its last one is pulled, mid
drifts by so many bps a second away from the side that they lean to, that is down while bids are
shown.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.checks import as_float, number
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.feeds.simulation.simulated_history import BEGINNING, history_of, symbol_of
from obi_widgets.feeds.simulation.simulator import STEP, SimulatedMarket
from obi_widgets.history.large_levels import NEVER

if TYPE_CHECKING:
    import pandas as pd

    from obi_widgets.feeds.simulation.simulator import SimulatedTrade
    from obi_widgets.history.columns import History

HOUR = 3_600.0

OF_A_RUN = 8
"""Fake levels of a run."""

AWAY = (30, 70)
"""Ticks from the best price at which they are placed."""

LARGE = (25.0, 50.0)
"""How many times a usual order they have."""

STANDS, PAUSE = (1.5, 4.0), (0.5, 2.0)
"""For how long they stand, and how long after one the next follows, seconds."""

REACHED = 20
"""Ticks from the best price at which they are pulled."""


class Fake(NamedTuple):
    """A fake level.

    Attributes
    ----------
    run : int
        Number of its run, from 0.
    side : int
        +1 bid, −1 ask.
    price, size : int
        Ticks, contracts.
    born, pulled : int
        The step with which it came, and the one with which it was gone; −1 while it stands.
    """

    run: int
    side: int
    price: int
    size: int
    born: int
    pulled: int = -1


class SpoofedMarket(SimulatedMarket):
    """A simulated market that shows fake levels beside its orders.

    Parameters
    ----------
    symbol, edge, seed
        As of `SimulatedMarket`.
    runs : float
        Runs of fake levels that begin in an hour without one, in the mean.
    against : float
        By how many bps a second mid drifts against the side that a run leans to.

    Attributes
    ----------
    fakes : list of Fake
        All that came so far.

    Raises
    ------
    SettingsError
        If the drift is faster than mid can move.
    """

    def __init__(self, symbol: str, *, edge: float, seed: int, runs: float, against: float) -> None:
        super().__init__(symbol, edge=edge, seed=seed)
        fastest = 1e4 * self.listing.tick_size / self.listing.price * self.jumps * self.mean_jump
        room = fastest * (1 - abs(self.tilt))
        if not 0 <= as_float(against) <= room:
            raise SettingsError(
                f"against = {quoted(against)} is not possible.",
                f"At this volatility and edge give 0 to {math.floor(room * 100) / 100} bps/s.",
            )
        self._drift = against / fastest
        self._chance = runs * STEP / HOUR  # of a run to begin with a step
        self._spoofer = random.Random(f"spoofs {self.seed}")  # the orders stay those of the seed
        self.fakes: list[Fake] = []
        self._run = 0  # runs that have ended
        self._side = 0  # of the run; 0 between two runs
        self._left = 0  # fake levels of the run that are still to come
        self._shown: Fake | None = None
        self._next = 0  # the step with which the next one comes, or this one is pulled

    @property
    def push(self) -> float:
        """Probability that mid jumps up less that it jumps down, −1..+1."""
        return super().push - self._drift * self._side

    def step(self) -> list[SimulatedTrade]:
        """Advance by 50 ms; return the trades in order."""
        trades = super().step()
        if self._shown is not None:
            self._look_after(self._shown)
        elif self._side and self.steps >= self._next:
            self._show()
        elif not self._side and self._spoofer.random() < self._chance:
            self._side, self._left = self._spoofer.choice((+1, -1)), OF_A_RUN
            self._show()
        return trades

    def _show(self) -> None:
        draw, side = self._spoofer, self._side
        price = self.best[side] - side * draw.randint(*AWAY)
        size = round(self.listing.unit * draw.uniform(*LARGE))
        self._shown = Fake(self._run, side, price, size, self.steps)
        self.fakes.append(self._shown)
        self._left -= 1
        self._next = self.steps + round(draw.uniform(*STANDS) / STEP)

    def _look_after(self, shown: Fake) -> None:
        """Pull the fake level when its time has come, or the price comes near."""
        near = shown.side * (self.best[shown.side] - shown.price) <= REACHED
        if self.steps < self._next and not near:
            return
        self.fakes[-1] = shown._replace(pulled=self.steps)
        self._shown = None
        self._next = self.steps + round(self._spoofer.uniform(*PAUSE) / STEP)
        if not self._left:
            self._side, self._run = 0, self._run + 1

    def best_levels(self, side: int, count: int) -> tuple[list[int], list[int]]:
        """Return the prices and the sizes of a side's best levels, the fake one among them."""
        prices, sizes = super().best_levels(side, count)
        shown = self._shown
        if shown is None or shown.side != side:
            return prices, sizes
        found = dict(zip(prices, sizes, strict=True))
        found[shown.price] = found.get(shown.price, 0) + shown.size
        prices = sorted(found, reverse=side > 0)[:count]
        return prices, [found[price] for price in prices]


def simulate_spoofs(
    source: str = "sim:BTC-PERP",
    *,
    seconds: float = 3600.0,
    edge: float = 1.0,
    seed: int = 0,
    levels: int = 50,
    runs: float = 60.0,
    against: float = 0.0,
) -> tuple[History, pd.DataFrame]:
    """Return the history of a simulated market with spoofs, and what is true of each.

    It is the market of `simulate` with fake levels beside its orders, in runs of eight on one side.
    Each is placed 2 to 4 bps from mid, stands for seconds, and is pulled whole before a trade can
    reach it. Nothing that `simulate` makes is a spoof, though some of its orders look like one.

    Parameters
    ----------
    source : str
        ``sim:SYMBOL``.
    seconds : float
        Length of the history, 1 to 86,400 seconds.
    edge : float
        As of `simulate`.
    seed : int
        The same seed gives the same history.
    levels : int
        Number of levels to keep on each side, 1 to 1,000.
    runs : float
        How many runs begin in an hour without one, in the mean, 0 to 3,600.
    against : float
        By how many bps a second mid drifts against the side that a run leans to, while it lasts:
        down while bids are shown. 0: they tell nothing.

    Returns
    -------
    history : History
        As that of `simulate`.
    truth : DataFrame
        A row for each fake level: ``run``, ``side`` (+1 bid), ``price`` (quote currency), ``size``
        (base units), ``born``, ``pulled`` (UTC; NaT where the history ends before).

    Raises
    ------
    SourceError
        If the symbol is not simulated.
    SettingsError
        If a number is out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history, truth = obi.simulate_spoofs(seconds=120, seed=1, runs=120)
    >>> bool((truth["pulled"].dropna() > truth["born"].iloc[0]).all())
    True
    """
    import pandas as pd

    runs = number("runs", runs, 0, 3_600, "runs an hour")
    market = SpoofedMarket(symbol_of(source), edge=edge, seed=seed, runs=runs, against=against)
    history = history_of(market, seconds, levels)
    fakes, listing = market.fakes, market.listing
    times = {}
    for name in ("born", "pulled"):
        steps = np.array([getattr(one, name) for one in fakes], np.int64)
        ns = np.where(steps < 0, NEVER, BEGINNING + steps * round(STEP * 1e9))
        times[name] = pd.to_datetime(ns.view("M8[ns]"), utc=True)
    truth = pd.DataFrame(
        {
            "run": [one.run for one in fakes], "side": [one.side for one in fakes],
            "price": [round(one.price * listing.tick_size, 9) for one in fakes],
            "size": [one.size * listing.contract_size for one in fakes], **times,
        }
    )  # fmt: skip
    return history, truth
