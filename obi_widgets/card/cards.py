"""Cards of a record: a row each cycle of 10 seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.accuracy_weights import against_equal
from obi_widgets.calibration.confidence import REFIT, WINDOW
from obi_widgets.card.confidence import Confidence, Said, confidence
from obi_widgets.card.outcomes import learned_weights, returns_after
from obi_widgets.card.parts_table import parts_table
from obi_widgets.card.rows import CardRows
from obi_widgets.checks import choice, number
from obi_widgets.errors import HistoryError, SettingsError, counted, quoted
from obi_widgets.signals.cycles import CYCLE, CYCLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.calibration.accuracy_weights import WeightsComparison
    from obi_widgets.calibration.confidence import Claims
    from obi_widgets.card.card import Card
    from obi_widgets.card.modes import Mode

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cards(CardRows):
    """What the decision card says at the end of each cycle of 10 seconds. `obi.cards` makes it.

    N cycles, S signals, and three windows: short, middle, long. A row knows the states before the
    end of its cycle, and no later one. Signs: + for a rise. `cards.last` and ``cards[i]`` are a
    `Card`, and ``for card in cards`` goes through them in order of time.

    Attributes
    ----------
    mode : Mode
        Windows, and the horizon at which the direction is judged.
    signals : tuple of str
        Names of the signals.
    begun : int
        When the first cycle began, ns; 0 without one.
    time : ndarray of int64, shape (N,)
        Ends of the cycles, ns.
    mid, age, spread_bps : ndarray of float64, shape (N,)
        At the end of the cycle: mid (quote currency) and seconds since the last state, NaN where
        the book was not in sync; and the mean spread over the live time of the cycle.
    parts : ndarray of float64, shape (S, 3, N)
        Each signal in each window, −1..+1: its mean over live time. A signal without bounds counts
        with its signed place among its own cycles of the last 24 h.
    weights : ndarray of float64, shape (S, 3, N)
        Weight of each part; at each cycle they add up to 1.
    by_accuracy : bool
        Whether the weights follow how often each part was right.
    values : ndarray of float64, shape (3, N)
        Each window: the weighted mean of the parts.
    live : ndarray of float64, shape (3, N)
        Share of each window's length in which all signals had a value, 0..1.
    bands : ndarray of float64, shape (3, N)
        The 0.75-quantile of each window's |value| over the last 24 h before the cycle; NaN before
        an hour of values.
    direction, agreement : ndarray of float64, shape (N,)
        Mean of the windows, −1..+1, and |Σ s| / Σ |s|, 0..1: 1 where all windows have one sign. If
        weights follow accuracy, a window counts with the sum of those of its parts.
    direction_band : ndarray of float64, shape (N,)
        As ``bands``, of |direction|.
    strength : ndarray of float64, shape (N,)
        Share of the last 24 h in which |direction| was smaller, 0..1.
    quality : ndarray of float64, shape (N,)
        Live share × freshness × spread rank, 0..1. The live share is that of the window with the
        least. Freshness falls from 1, for a state at the end of the cycle, to 0 for one 10 s old.
        The spread rank is the share of the cycles of the last 24 h whose spread was not narrower.
    price_bps : ndarray of float64, shape (N,)
        Move of mid over the middle window, bps.
    cycle_live : ndarray of int64, shape (N,)
        Nanoseconds of the cycle in which all signals had a value.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> cards = obi.cards(obi.simulate(seconds=90, seed=1), mode="scalp")
    >>> cards
    <Cards scalp of imbalance: 8 cycles, 0 of them ready, 2026-01-01T00:00:20 to ...
    >>> cards.direction.shape
    (8,)
    """

    mode: Mode
    signals: tuple[str, ...]
    begun: int
    time: Ints
    mid: Floats
    age: Floats
    spread_bps: Floats
    parts: Floats
    weights: Floats
    by_accuracy: bool
    values: Floats
    live: Floats
    bands: Floats
    direction: Floats
    direction_band: Floats
    agreement: Floats
    strength: Floats
    quality: Floats
    price_bps: Floats
    cycle_live: Ints
    _said: Said = field(default_factory=Said, repr=False)
    _first: int = field(default=0, repr=False)  # number of the first card; see `Said`

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        of = f"<Cards {self.mode.name} of {', '.join(self.signals)}: "
        if not len(self):
            return f"{of}no cycle is finished>"
        first, last = self.time[[0, -1]].view("datetime64[ns]")
        ready = np.count_nonzero((self.state != "not_ready") & (self.state != "stale"))
        return (
            f"{of}{counted(len(self), 'cycle')}, {ready:,} of them ready, {str(first)[:19]} to "
            f"{str(last)[:19]} UTC>"
        )

    @property
    def last(self) -> Card:
        """The newest card.

        Raises
        ------
        HistoryError
            If no cycle is finished yet.
        """
        return self[-1]

    def __getitem__(self, at: int) -> Card:
        """Return the card of one cycle."""
        if not len(self):
            raise HistoryError(
                "There is no card: no cycle of 10 s is finished.", "Wait for a few states more."
            )
        try:
            row = range(len(self))[at]
        except (IndexError, TypeError):
            raise HistoryError(
                f"There is no card {at!r}.", f"Give a whole number, 0 to {len(self) - 1}."
            ) from None
        if isinstance(row, range):
            raise HistoryError("A slice has no card.", "Give one number, as cards[-1].")
        return self._card(row, self._confidence.at(row))

    def __iter__(self) -> Iterator[Card]:
        return (self[row] for row in range(len(self)))

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each cycle.

        Returns
        -------
        DataFrame
            Index ``time`` (UTC). Columns ``state``, ``direction``, ``strength``, ``agreement``,
            ``conflict``, ``quality``, ``price_bps``, ``mid``, ``spread_bps``, ``age``,
            ``direction_band``; of each window, by its seconds, ``value_60``, ``band_60`` and
            ``live_60``.
        """
        import pandas as pd

        columns = {
            name: getattr(self, name)
            for name in (
                "state", "direction", "strength", "agreement", "conflict", "quality", "price_bps",
                "mid", "spread_bps", "age", "direction_band",
            )
        }  # fmt: skip
        for name, of_windows in (("value", self.values), ("band", self.bands), ("live", self.live)):
            columns |= {
                f"{name}_{seconds:g}": one
                for seconds, one in zip(self.mode.windows, of_windows, strict=True)
            }
        index = pd.DatetimeIndex(self.time, tz="UTC", name="time")
        return pd.DataFrame(columns, index=index)

    def confidence(
        self,
        *,
        score: str | list[str] | tuple[str, ...] = "strength",
        horizon: float | None = None,
        refit: float = REFIT,
        window: float = WINDOW,
    ) -> Confidence:
        """Return how likely each direction is right, learned from what was right before it.

        Parameters
        ----------
        score : str, or list or tuple of str
            What the chance rises with: ``"strength"``, ``"agreement"``, ``"quality"``,
            ``"direction"`` (its size), or the product of several. `docs/confidence.md` tells how
            they compare.
        horizon : float, optional
            Seconds, a multiple of 10. By default that of the mode.
        refit : float
            Seconds between fits, which are made at multiples of it in UTC.
        window : float
            Seconds of the past that a fit uses, or what there is of them.

        Returns
        -------
        Confidence

        Raises
        ------
        SettingsError
            If an option is not possible.

        Examples
        --------
        >>> import obi_widgets as obi
        >>> cards = obi.cards(obi.simulate(seconds=900, seed=1), mode="scalp")
        >>> found = cards.confidence(score=("direction", "agreement"), horizon=10, refit=60)
        >>> print(str(found).partition(";")[0])
        Confidence at 10 s: too few cases to tell
        """
        return self._learned(score, horizon, refit, window)

    def _learned(
        self,
        score: str | list[str] | tuple[str, ...] = "strength",
        horizon: float | None = None,
        refit: float = REFIT,
        window: float = WINDOW,
        before: Claims | None = None,
    ) -> Confidence:
        """Return the confidence, by options that a user gave; see `confidence`."""
        scores = {
            "strength": self.strength, "agreement": self.agreement, "quality": self.quality,
            "direction": np.abs(self.direction),
        }  # fmt: skip
        advice = f"Give one or several of {', '.join(scores)}."
        if isinstance(score, str):
            names: tuple[str, ...] = (score,)
        elif isinstance(score, list | tuple):
            names = tuple(score)
        else:
            raise SettingsError(f"score = {quoted(score)} is not possible.", advice)
        if not names:
            raise SettingsError("score names no column.", advice)
        seconds = self.mode.horizon if horizon is None else number(
            "horizon", horizon, CYCLE_SECONDS, 86_400, "seconds"
        )  # fmt: skip
        if round(seconds * 1e9) % CYCLE:
            raise SettingsError(
                f"horizon = {seconds:g} is not possible.",
                f"Cards come every {CYCLE_SECONDS:g} s: give a multiple of that.",
            )
        return confidence(
            self.time,
            self.mid,
            self._lost,
            self.direction,
            {choice("score", name, tuple(scores)): scores[name] for name in names},
            horizon=seconds,
            refit=number("refit", refit, CYCLE_SECONDS, 86_400, "seconds"),
            window=number("window", window, CYCLE_SECONDS, 366 * 86_400, "seconds"),
            before=before,
        )

    def weighing(self, *, level: float = 0.95) -> WeightsComparison:
        """Return whether weights that follow accuracy did better than equal ones.

        Both are judged on the same cards at the mode's horizon. A card's weights were learned from
        what was known at its time, so all cards are out of sample. It does not matter by which
        weights the cards were made.

        Parameters
        ----------
        level : float
            Level of the intervals, 0.5 to 0.999.

        Returns
        -------
        WeightsComparison

        Raises
        ------
        SettingsError
            If the level is not possible.

        Examples
        --------
        >>> import obi_widgets as obi
        >>> cards = obi.cards(obi.simulate(seconds=900, seed=1), mode="scalp")
        >>> print(str(cards.weighing()).partition(";")[0])
        Weights by accuracy against equal ones: neither won
        """
        level, horizon = number("level", level, 0.5, 0.999), self.mode.horizon
        parts = self.parts.reshape(3 * len(self.signals), len(self))
        weights = self.weights.reshape(parts.shape)
        if not self.by_accuracy:
            weights = learned_weights(self.time, self.mid, self._lost, parts, horizon=horizon)
        move = returns_after(self.time, self.mid, self._lost, horizon).bps[0]
        return against_equal(self.time, parts, move, weights, horizon=horizon, level=level)

    def parts_table(self, *, level: float = 0.95) -> pd.DataFrame:
        """Return what each part says of the return at the mode's horizon, and what it adds.

        Parameters
        ----------
        level : float
            Level of the intervals, 0.5 to 0.999.

        Returns
        -------
        DataFrame
            A row for each signal and window (seconds). ``n`` cards with the part and a return;
            ``rank_ic``, Spearman's correlation with the return, with interval and p value ``low,
            high, p``; ``adds``, its incremental one given all other parts but its twins, with
            ``adds_low, adds_high, adds_p``; ``adds_n`` cards with all parts and a return;
            ``p_adjusted`` and ``adds_p_adjusted``, corrected for the number of parts; ``own``, the
            fraction of its rank variance that the others leave unexplained; ``repeats``, the
            earlier part whose rank correlation with it is 0.9 or more, of either sign; ``says``,
            the result in words. NaN where unknown.

        Raises
        ------
        SettingsError
            If the level is not possible.

        Examples
        --------
        >>> import obi_widgets as obi
        >>> cards = obi.cards(obi.simulate(seconds=900, seed=1), mode="scalp")
        >>> cards.parts_table()["n"].to_dict()
        {('imbalance', 10.0): 86, ('imbalance', 60.0): 81, ('imbalance', 300.0): 57}
        """
        return parts_table(
            self.time,
            self.mid,
            self._lost,
            self.parts.reshape(3 * len(self.signals), len(self)),
            [(name, seconds) for name in self.signals for seconds in self.mode.windows],
            horizon=self.mode.horizon,
            level=number("level", level, 0.5, 0.999),
        )

    @property
    def _lost(self) -> Flags:
        """Whether a cycle was not live throughout, so that no outcome spans it."""
        return np.asarray((self.cycle_live < CYCLE) | np.isnan(self.mid))

    @cached_property
    def _confidence(self) -> Confidence:
        """The confidence that a card shows: only what was not said before is computed."""
        before = self._said.of(self._first, len(self))
        found = self._learned(window=self._said.window, before=before)
        self._said.keep(self._first, found)
        return found
