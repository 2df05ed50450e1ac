"""A signal in words: buying, selling or neutral, with hysteresis, and for how long each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.lookahead import as_signal, computed
from obi_widgets.calibration.quality.time_weights import held, share
from obi_widgets.history.given import as_history
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.crossing import level_and_margin, sides
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

    Floats = NDArray[np.float64]

WORDS = {-1: "SELLING", 0: "NEUTRAL", 1: "BUYING"}
"""The label of each side."""


@dataclass(frozen=True, eq=False, repr=False)
class Labels:
    """The label of each state of a history, and how much of the time each held.

    Attributes
    ----------
    time : ndarray of int64, shape (T,)
        Event times, nanoseconds UTC.
    sides : ndarray of float64, shape (T,)
        +1 for BUYING, −1 for SELLING, 0 for NEUTRAL; NaN where there is no signal.
    level, margin : float
        It is BUYING from beyond the level until it is at or below the level less the margin, and
        SELLING likewise below 0. The unit is the signal's, or its place if the threshold is a
        quantile.
    shares : dict of str to float
        The share of the time with a signal in which each label held, 0 to 1; NaN without any. The
        last state has no known end, and counts as nothing.
    seconds : float
        The time with a signal.

    Examples
    --------
    >>> labels = obi.label(obi.simulate(seconds=60, seed=1), level=0.1)
    >>> list(labels.shares)
    ['SELLING', 'NEUTRAL', 'BUYING']
    >>> bool(np.isclose(sum(labels.shares.values()), 1))
    True
    """

    time: NDArray[np.int64]
    sides: Floats
    level: float
    margin: float
    shares: dict[str, float]
    seconds: float

    @property
    def on(self) -> float:
        """The share of the time in which it was BUYING or SELLING."""
        return 1.0 - self.shares[WORDS[0]]

    def to_series(self) -> pd.Series:
        """Return the labels as words: ordered categories by time in UTC, missing without a signal.

        Returns
        -------
        Series of category, shape (T,)
            ``"SELLING"`` < ``"NEUTRAL"`` < ``"BUYING"``.
        """
        import pandas as pd

        codes = np.where(np.isnan(self.sides), -1, np.nan_to_num(self.sides) + 1).astype(np.int64)
        index = pd.DatetimeIndex(self.time, tz="UTC", name="time")
        words = pd.Categorical.from_codes(codes, pd.Index(list(WORDS.values())), ordered=True)
        return pd.Series(words, index, name="label")

    def __repr__(self) -> str:
        back = self.level - self.margin
        if not self.seconds > 0:
            return f"<Labels: no time with a signal; beyond {self.level:g}, until {back:g}>"
        each = ", ".join(f"{word} {part:.1%}" for word, part in self.shares.items())
        return (
            f"<Labels: on {self.on:.1%} of {self.seconds:,.0f} s ({each}); beyond {self.level:g}, "
            f"until {back:g}>"
        )


def label(
    history: History,
    settings: Settings | Parameters | None = None,
    signal: Callable[[History], ArrayLike] | ArrayLike | None = None,
    *,
    level: float | None = None,
    margin: float | None = None,
) -> Labels:
    """Return whether a signal says BUYING, SELLING or NEUTRAL in each state, and for how long.

    A label uses its own state and earlier ones. It has hysteresis, as an alert has: it begins
    beyond the level and lasts until the signal has fallen back by the margin, so that it does not
    flicker. After a gap it begins anew.

    With a low level the label means little: at 0.1, the imbalance of a busy market is BUYING or
    SELLING nearly always. So the result has the share of the time of each label.

    Parameters
    ----------
    history : History
        T states.
    settings : Settings or Parameters, optional
        The signal, its parameters and the threshold. If omitted, the defaults.
    signal : callable or array_like of float, shape (T,), optional
        Another signal, a function of a history, or values, in place of the settings' own. A Series
        is aligned by its times.
    level : float, optional
        The level, in the signal's unit, 0 or more. The settings' threshold if omitted.
    margin : float, optional
        By how much the signal has to fall back behind the level before the label ends: 0 to the
        level. A tenth of the level if omitted, as for alerts.

    Returns
    -------
    Labels
        Sides, words by `Labels.to_series`, and shares of the time.

    Raises
    ------
    HistoryError, SettingsError
        No history, a signal that does not fit it, or a number out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> labels = obi.label(history, level=0.1)
    >>> bool(labels.on > obi.label(history, level=0.4).on)
    True
    """
    history = as_history(history)
    p = Parameters() if settings is None else Parameters.of(settings)
    if signal is None:
        values = p.signal(history, p)
    else:
        values = computed(history, signal) if callable(signal) else as_signal(history, signal)
    if level is None:
        values, level = compared(history, values, p), p.threshold
    level, margin = level_and_margin(level, margin)
    found, lasted = sides(values, level, margin), held(history)
    lasted[np.isnan(found)] = 0.0
    shares = {word: share(found == side, lasted) for side, word in WORDS.items()}
    return Labels(history.time, found, level, margin, shares, float(lasted.sum()))
