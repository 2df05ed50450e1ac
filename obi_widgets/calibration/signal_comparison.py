"""The result of `obi_widgets.compare`: its figures, tables and text."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.incremental import LEAST_OWN, TWINS
from obi_widgets.checks import choice
from obi_widgets.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.calibration.incremental import Incremental
    from obi_widgets.calibration.information_coefficient import Coefficients
    from obi_widgets.calibration.next_move import NextMove
    from obi_widgets.history.provenance import Provenance

    Floats = NDArray[np.float64]

FEW_COMMON = 0.5
"""Fraction of the states below which it is told that few have a value of every signal."""

NOTHING = "–"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Signals side by side, made by `obi_widgets.compare`: K signals, H horizons.

    Its text is a table. NaN is a figure that is not known; ``notes`` and ``summary`` say why.

    Attributes
    ----------
    names : tuple of str
        The signals, in the order in which they were given.
    horizons : ndarray of float64, shape (H,)
        Seconds.
    level : float
        Level of the intervals, 0.5 to 0.999.
    tried : int
        Number of signals and settings tried, for which p values are corrected.
    states : int
        Number of states.
    seconds : float
        Length of the record without its gaps, seconds.
    coefficients : tuple of Coefficients, length K
        Pearson's and Spearman's coefficients of each signal, as `Report.coefficients`.
    low, high, p, p_adjusted : ndarray of float64, shape (K, H)
        Intervals and p values of the rank coefficients, and the latter corrected for all that was
        tried. NaN where the record is too short for them, and of signals that are left out.
    half_life : ndarray of float64, shape (K,)
        Seconds at which the rank coefficient has fallen to half of its peak. NaN if it has not
        fallen so far, or if the peak is not told from 0.
    next_moves : tuple of NextMove, length K
        How well each signal tells the next move of mid.
    autocorrelation : ndarray of float64, shape (K, H)
        Correlation of each signal with itself a horizon later.
    threshold, share_on : ndarray of float64, shape (K,)
        Threshold, in the signal's unit or as quantile, and the fraction of time beyond it. NaN for
        functions and arrays, which have none.
    incremental : Incremental
        What each of the signals in ``used`` adds to the others.
    incremental_p_adjusted : ndarray of float64
        Its p values corrected for all that was tried.
    used : tuple of str
        The signals that are held against each other.
    left_out : dict of str to str
        Why the others are not: they are constant, have no value, or use later data.
    notes : tuple of str
        What else limits the figures.
    origin : Provenance or None
        Where the states come from.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> found = obi.compare(history, ["queue_imbalance", "depth_ratio"], horizons=(1, 5))
    >>> found.to_frame().shape[0]  # each signal at each horizon
    4
    >>> print(str(found).partition(";")[0])
    2 signals, 2:00 min of sim:BTC-PERP
    """

    names: tuple[str, ...]
    horizons: Floats
    level: float
    tried: int
    states: int
    seconds: float
    coefficients: tuple[Coefficients, ...]
    low: Floats
    high: Floats
    p: Floats
    p_adjusted: Floats
    half_life: Floats
    next_moves: tuple[NextMove, ...]
    autocorrelation: Floats
    threshold: Floats
    share_on: Floats
    incremental: Incremental
    incremental_p_adjusted: Floats
    used: tuple[str, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    origin: Provenance | None

    @property
    def rank_ic(self) -> Floats:
        """Spearman's coefficient of each signal at each horizon, shape (K, H)."""
        return np.array([one.rank_ic for one in self.coefficients])

    @cached_property
    def adds(self) -> Floats:
        """The incremental rank coefficients, shape (K, H); NaN for signals not in ``used``."""
        return self.of_all(self.incremental.ic)

    def of_all(self, of_used: Floats) -> Floats:
        """Return figures of the signals in ``used`` as those of all, with NaN for the others.

        Parameters
        ----------
        of_used : ndarray of float64, shape (U, ...)
            A row for each of the U signals in ``used``.

        Returns
        -------
        ndarray of float64, shape (K, ...)
        """
        out = np.full((len(self.names), *of_used.shape[1:]), np.nan)
        for row, name in enumerate(self.used):
            out[self.names.index(name)] = of_used[row]
        return out

    @property
    def correlation(self) -> pd.DataFrame:
        """Spearman's correlation of each two signals, where all in ``used`` have a value."""
        import pandas as pd

        found = pd.DataFrame(self.incremental.correlation, list(self.used), list(self.used))
        return found.reindex(index=list(self.names), columns=list(self.names))

    def to_frame(self) -> pd.DataFrame:
        """Return the figures by horizon.

        Returns
        -------
        DataFrame
            A row for each signal and horizon (seconds). ``n`` states with a signal and a return;
            ``ic`` and ``rank_ic``, Pearson's and Spearman's coefficient; ``low, high, p`` interval
            and p value of ``rank_ic``, ``p_adjusted`` corrected for all that was tried;
            ``autocorrelation`` of the signal; ``adds``, the incremental rank coefficient, with
            ``adds_low, adds_high, adds_p, adds_p_adjusted``; ``adds_n`` states with all signals and
            a return.
        """
        import pandas as pd

        own = self.incremental
        columns: dict[str, Floats | NDArray[np.int64]] = {
            name: np.ravel([getattr(one, name) for one in self.coefficients])
            for name in ("n", "ic", "rank_ic")
        }
        columns |= {"low": self.low.ravel(), "high": self.high.ravel()}
        columns["p"] = self.p.ravel()
        columns |= {
            "p_adjusted": self.p_adjusted.ravel(), "autocorrelation": self.autocorrelation.ravel(),
            "adds": self.adds.ravel(),
        }  # fmt: skip
        for name, values in (
            ("low", own.low), ("high", own.high), ("p", own.p),
            ("p_adjusted", self.incremental_p_adjusted),
        ):  # fmt: skip
            columns[f"adds_{name}"] = self.of_all(values).ravel()
        columns["adds_n"] = np.tile(own.n, len(self.names))
        index = pd.MultiIndex.from_product([self.names, self.horizons], names=["signal", "horizon"])
        return pd.DataFrame(columns, index=index)

    @property
    def summary(self) -> pd.DataFrame:
        """The figures that have no horizon: a DataFrame with a row for each signal.

        ``half_life`` of its coefficient and ``persistence`` (the time in which its autocorrelation
        falls to 1/e), seconds; ``auc, auc_low, auc_high`` of the next move, ``moves`` their number;
        ``threshold`` and ``share_on``, the fraction of time beyond it; ``own``, the fraction of its
        rank variance that the others, its twins apart, leave unexplained; ``most_alike``, the
        signal whose correlation with it is the largest, and this ``correlation``; ``says``, the
        result in words.
        """
        import pandas as pd

        alike = [self._most_alike(name) for name in self.names]
        return pd.DataFrame(
            {
                "half_life": self.half_life,
                "persistence": [one.persistence for one in self.coefficients],
                "auc": [one.auc for one in self.next_moves],
                "auc_low": [one.low for one in self.next_moves],
                "auc_high": [one.high for one in self.next_moves],
                "moves": [one.n for one in self.next_moves],
                "threshold": self.threshold,
                "share_on": self.share_on,
                "own": self.of_all(self.incremental.own[:, None])[:, 0],
                "most_alike": [name for name, _ in alike],
                "correlation": [value for _, value in alike],
                "says": [self.says(name) for name in self.names],
            },
            index=pd.Index(self.names, name="signal"),
        )

    def _most_alike(self, name: str) -> tuple[str, float]:
        """Return the signal that goes most with another, and their correlation."""
        if name not in self.used or len(self.used) < 2:
            return "", np.nan
        at = self.used.index(name)
        with_others = self.incremental.correlation[at].copy()
        with_others[at] = np.nan
        if np.isnan(with_others).all():
            return "", np.nan
        other = int(np.nanargmax(np.abs(with_others)))
        return self.used[other], float(with_others[other])

    def repeats(self, name: str) -> str:
        """Return which signal another one repeats; empty if none.

        Of two signals whose rank correlation is 0.9 or more, of either sign, the one that was given
        later repeats the other. The rule looks at no return. Neither is held against the other:
        both have the same part in what they add.

        Parameters
        ----------
        name : str
            One of ``names``.
        """
        choice("name", name, self.names)
        if name not in self.used:
            return ""
        at = self.used.index(name)
        before = np.abs(self.incremental.correlation[at, :at])
        if not len(before) or not np.nanmax(np.append(before, 0.0)) >= TWINS:
            return ""
        return self.used[int(np.nanargmax(before))]

    def says(self, name: str) -> str:
        """Return what is found of a signal, in words.

        Parameters
        ----------
        name : str
            One of ``names``.
        """
        choice("name", name, self.names)
        if name in self.left_out:
            return f"left out: {self.left_out[name]}"
        at, used = self.names.index(name), self.used.index(name)
        error, own = 1 - self.level, self.incremental.own[used]
        if own < LEAST_OWN:
            return "collinear with the others together: what it adds cannot be told"
        if other := self.repeats(name):
            value = self.incremental.correlation[used, self.used.index(other)]
            return f"repeats {other}: correlation {_signed(float(value))}"
        alone = np.isnan(self.p_adjusted[at]).all()
        if alone and np.isnan(self.incremental_p_adjusted[used]).all():
            return self.coefficients[at].shortage or "too short to tell"
        tells = self.p_adjusted[at] < error
        if len(self.used) < 2:
            return f"predicts returns of {self._at(tells)}" if tells.any() else "not significant"
        adds = self.incremental_p_adjusted[used] < error
        if adds.any():
            return f"adds to the others at {self._at(adds)}"
        if np.isnan(self.incremental_p_adjusted[used]).all():
            return "too short to tell what it adds"
        return "adds nothing significant" if tells.any() else "not significant"

    def _at(self, which: NDArray[np.bool_]) -> str:
        return f"{', '.join(f'{seconds:g}' for seconds in self.horizons[which])} s"

    @property
    def limits(self) -> tuple[str, ...]:
        """All that limits the figures: a sentence or two each."""
        common, said = self.incremental.states, []
        if len(self.used) > 1 and self.states and common < FEW_COMMON * self.states:
            few = min(
                (int(one.n.max(initial=0)), name)
                for name, one in zip(self.names, self.coefficients, strict=True)
                if name in self.used
            )
            said.append(
                f"All signals have a value in {common:,} of {self.states:,} states; {few[1]} in "
                "the fewest. Correlations and what signals add are of these states alone."
            )
        return (*said, *self.notes)

    def __repr__(self) -> str:
        market = (self.origin.market if self.origin else "") or "a market without a name"
        length = "{}:{:02d} min".format(*divmod(round(self.seconds), 60))
        tests, percent = self.tried * len(self.horizons), f"{100 * self.level:.3g} %"
        alone = len(self.used) < 2
        lines = [
            f"{counted(len(self.names), 'signal')}, {length} of {market}; "
            f"{counted(self.states, 'state')}",
            "",
            f"Rank IC by horizon, {percent} interval; * significant with {counted(tests, 'test')}: "
            f"{self.tried:,} tried, {counted(len(self.horizons), 'horizon')}",
            *self._by_horizon(self.rank_ic, self.low, self.high, self.p_adjusted),
        ]
        if not alone:
            own = self.incremental
            low, high, p = map(self.of_all, (own.low, own.high, self.incremental_p_adjusted))
            lines += ["", "What each adds to the others: partial rank IC, likewise"]
            lines += self._by_horizon(self.adds, low, high, p)
        lines += ["", "Autocorrelation"]
        lines += self._by_horizon(self.autocorrelation)
        lines += ["", *self._each()]
        if not alone:
            lines += ["", "Rank correlation", *self._correlations()]
        lines += ["", *(f"{name}: {self.says(name)}." for name in self.names), *self.limits]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def _by_horizon(self, values: Floats, *bounds: Floats) -> list[str]:
        """Return the lines of figures by horizon: with low, high and p, or without."""
        rows = [["", *(f"{seconds:g} s" for seconds in self.horizons)]]
        for row, name in enumerate(self.names):
            cells = []
            for column in range(len(self.horizons)):
                text = _signed(values[row, column])
                if bounds:
                    low, high, p = (one[row, column] for one in bounds)
                    if low == low:
                        text += f" {_signed(low)}..{_signed(high)}"
                    text += "*" if p < 1 - self.level else " "
                cells.append(text)
            rows.append([name, *cells])
        return _aligned(rows)

    def _each(self) -> list[str]:
        """Return the lines of the figures that have no horizon."""
        rows = [["", "half-life", "1/e", "AUC", "moves", "on", "own", "most alike"]]
        longest = f">{self.horizons[-1]:g} s" if len(self.horizons) else NOTHING
        for at, (name, row) in enumerate(self.summary.iterrows()):
            known = self.rank_ic[at]
            told = False
            if not np.isnan(known).all():
                peak = int(np.nanargmax(np.abs(known)))
                told = bool(self.p_adjusted[at, peak] < 1 - self.level)
            beyond = longest if told else NOTHING
            auc = _plain(row.auc)
            if row.auc_low == row.auc_low:
                auc += f" {row.auc_low:.2f}..{row.auc_high:.2f}"
            alike = f"{_signed(row.correlation)} {row.most_alike}" if row.most_alike else NOTHING
            rows.append([
                str(name), f"{row.half_life:.3g} s" if row.half_life == row.half_life else beyond,
                f"{row.persistence:.3g} s" if np.isfinite(row.persistence) else NOTHING,
                auc, f"{row.moves:,}", _percent(row.share_on), _percent(row.own), alike,
            ])  # fmt: skip
        return _aligned(rows)

    def _correlations(self) -> list[str]:
        """Return the lines of the correlations, the lower half."""
        found = self.incremental.correlation
        rows = [["", *(str(n + 1) for n in range(len(self.used)))]]
        for n, name in enumerate(self.used):
            rows.append([f"{n + 1} {name}", *(_signed(one) for one in found[n, :n]), "1"])
            rows[-1] += [""] * (len(self.used) - n - 1)
        return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines: the first column to the left, others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if n else text.ljust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _signed(value: float) -> str:
    return NOTHING if np.isnan(value) else f"{value:+z.2f}"


def _plain(value: float) -> str:
    return NOTHING if np.isnan(value) else f"{value:.2f}"


def _percent(value: float) -> str:
    return NOTHING if np.isnan(value) else f"{100 * value:.0f} %"
