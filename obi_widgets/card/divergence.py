"""The same market on several venues: what their cards say together, as rows and in words."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from obi_widgets.calibration.statistics.correlation import lasting_correlation
from obi_widgets.checks import number
from obi_widgets.errors import HistoryError, counted, quoted
from obi_widgets.signals.cycles import CYCLE, CYCLE_SECONDS
from obi_widgets.trading.own_past import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.card.modes import Mode

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Texts = NDArray[np.str_]

FEWEST_WINDOWS = 5
"""A correlation has an interval if its pairs fill as many of the long windows: with fewer, it would
leave the truth out in more than one case of ten."""

LEFT_OUT = ("stale", "not_ready")
"""States of a card that are not compared."""


@dataclass(frozen=True)
class VenueMoment:
    """What the cards of several venues say at the end of one cycle.

    Attributes
    ----------
    time : int
        End of the cycle, ns, by the event time of each venue.
    directions : mapping of str to float
        Of each venue, −1..+1, + for a rise; NaN of one that is left out.
    left_out : mapping of str to str
        Venues that are not compared, with the state of their card: ``"stale"`` or ``"not_ready"``.
    apart : float
        The largest direction less the smallest, 0..2; NaN with fewer than two.
    verdict : str
        ``"of one mind"``: all have one sign. ``"against"``: of three or more, one is beyond its own
        band, with the sign that no other has. ``"divided"``: anything else. ``"too few"``: fewer
        than two are compared.
    against : str
        The venue that is against the rest, or empty.
    says : str
        The verdict in words.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> one, other = (obi.cards(obi.simulate(seconds=90, seed=seed)) for seed in (1, 2))
    >>> moment = obi.venue_divergence({"LMEX": one, "OKX": other}).last
    >>> moment.says, moment.left_out
    ('no venue to compare', {'LMEX': 'not_ready', 'OKX': 'not_ready'})
    """

    time: int
    directions: Mapping[str, float]
    left_out: Mapping[str, str]
    apart: float
    verdict: str
    against: str
    says: str


@dataclass(frozen=True, eq=False)
class VenueDivergence:
    """The same market on V venues, at N cycles. `obi.venue_divergence` makes it.

    ``found.last`` and ``found[i]`` are a `VenueMoment`.

    Attributes
    ----------
    mode : Mode
        Windows of the cards.
    venues : tuple of str
        Names of the venues.
    time : ndarray of int64, shape (N,)
        Ends of the cycles, ns, by the event time of each venue.
    states : ndarray of str, shape (V, N)
        State of each card, see `Card`. A venue without a card is ``"not_ready"`` before its first
        one, and ``"stale"`` after its last: another has gone on for a cycle by then.
    directions : ndarray of float64, shape (V, N)
        −1..+1, + for a rise; NaN where the card is stale or not ready.
    apart : ndarray of float64, shape (N,)
        The largest direction less the smallest, 0..2; NaN with fewer than two.
    verdict, against : ndarray of str, shape (N,)
        See `VenueMoment`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> one, other = (obi.cards(obi.simulate(seconds=90, seed=seed)) for seed in (1, 2))
    >>> obi.venue_divergence({"LMEX": one, "OKX": other})
    <VenueDivergence day of LMEX, OKX: 8 cycles; no venue to compare>
    """

    mode: Mode
    venues: tuple[str, ...]
    time: Ints
    states: Texts
    directions: Floats
    apart: Floats
    verdict: Texts
    against: Texts

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        of = f"<VenueDivergence {self.mode.name} of {', '.join(self.venues)}: "
        if not len(self):
            return f"{of}no cycle is finished>"
        return f"{of}{counted(len(self), 'cycle')}; {self.last.says}>"

    @property
    def last(self) -> VenueMoment:
        """The newest cycle.

        Raises
        ------
        HistoryError
            If no cycle is finished yet.
        """
        return self[-1]

    def __getitem__(self, at: int) -> VenueMoment:
        """Return what was said at one cycle."""
        if not len(self):
            raise HistoryError(
                "There is nothing to compare: no cycle of 10 s is finished.",
                "Wait for a few states more.",
            )
        try:
            row = range(len(self))[at]
        except (IndexError, TypeError):
            row = None
        if not isinstance(row, int):
            raise HistoryError(
                f"There is no cycle {quoted(at)}.", f"Give a whole number, 0 to {len(self) - 1}."
            )
        directions = dict(zip(self.venues, self.directions[:, row].tolist(), strict=True))
        states = zip(self.venues, self.states[:, row].tolist(), strict=True)
        verdict, against = str(self.verdict[row]), str(self.against[row])
        return VenueMoment(
            time=int(self.time[row]),
            directions=directions,
            left_out={venue: state for venue, state in states if state in LEFT_OUT},
            apart=float(self.apart[row]),
            verdict=verdict,
            against=against,
            says=_said(verdict, against, directions),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each cycle.

        Returns
        -------
        DataFrame
            Index ``time`` (UTC). A column of each venue's direction, NaN where it is left out; then
            ``apart``, ``verdict`` and ``against``.
        """
        table = pd.DataFrame(
            self.directions.T,
            index=pd.DatetimeIndex(self.time, tz="UTC", name="time"),
            columns=list(self.venues),
        )
        return table.assign(apart=self.apart, verdict=self.verdict, against=self.against)

    def correlations(self) -> pd.DataFrame:
        """Return how alike directions were over the last 24 hours, pair by pair.

        Returns
        -------
        DataFrame
            A row a pair: ``first``, ``second``; ``correlation`` (Pearson's), ``low`` and ``high``
            (its 95 % interval, by blocks of time), ``opposite`` (share of the cycles in which they
            had different signs), ``cycles`` (in which both had a direction), and ``says``: the
            result in words. NaN where unknown; the interval is, while pairs fill fewer than five of
            the mode's long windows.
        """
        last = self.time > (self.time[-1] - DAY * CYCLE if len(self) else 0)
        of, at, rows = self.directions[:, last], self.time[last], []
        least = FEWEST_WINDOWS * max(self.mode.windows) / CYCLE_SECONDS
        for one, other in itertools.combinations(range(len(self.venues)), 2):
            x, y = of[one], of[other]
            found = lasting_correlation(x, y, at)
            if found.pairs < least:
                found = found._replace(low=np.nan, high=np.nan)
            both = np.flatnonzero(~(np.isnan(x) | np.isnan(y)))
            rows.append({
                "first": self.venues[one], "second": self.venues[other],
                "correlation": found.value, "low": found.low, "high": found.high,
                "opposite": float(np.mean(x[both] * y[both] < 0)) if len(both) else np.nan,
                "cycles": found.pairs, "says": _alike(found.low, found.high),
            })  # fmt: skip
        return pd.DataFrame(rows)

    def clock_bound(self, seconds: float) -> float:
        """Return by how much a direction can differ because two clocks do.

        It holds for signals with bounds, windows that were live throughout, and weights that are
        equal; ``apart`` differs by at most as much.

        Parameters
        ----------
        seconds : float
            How far the event clocks of two venues may be apart. `obi.Health` has bounds of each
            against the clock here.

        Returns
        -------
        float
            The mean of 2 · seconds / window over the windows, at most 2.

        Raises
        ------
        SettingsError
            If it is no number of 0 or more.

        Examples
        --------
        >>> import obi_widgets as obi
        >>> one, other = (obi.cards(obi.simulate(seconds=90, seed=seed)) for seed in (1, 2))
        >>> round(obi.venue_divergence({"LMEX": one, "OKX": other}).clock_bound(0.5), 4)
        0.0068
        """
        apart = number("seconds", seconds, 0, 86_400, "seconds")
        shares = [min(2 * apart / window, 2.0) for window in self.mode.windows]
        return sum(shares) / len(shares)


def _said(verdict: str, against: str, directions: Mapping[str, float]) -> str:
    """Return the verdict in words."""
    signs = [np.sign(one) for one in directions.values() if not np.isnan(one)]
    if verdict == "too few":
        return "one venue only" if signs else "no venue to compare"
    if verdict == "against":
        return f"{against} against the rest"
    if verdict == "of one mind":
        return verdict
    counts = ((1.0, "up"), (-1.0, "down"), (0.0, "at 0"))
    return ", ".join(f"{signs.count(sign)} {word}" for sign, word in counts if sign in signs)


def _alike(low: float, high: float) -> str:
    if np.isnan(low):
        return "too short to tell"
    return "alike" if low > 0 else "opposite" if high < 0 else "no relation shown"
