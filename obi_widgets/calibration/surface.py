"""What every setting of a grid would have come to: the data behind a surface."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.multiple_testing import benjamini_hochberg
from obi_widgets.parameters import Choice, Levels
from obi_widgets.settings.provenance import labels, to_table, to_tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.provenance import Provenance
    from obi_widgets.parameters import Parameter
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]

MIN_ENTRIES = 20
"""Entries below which a setting is not chosen: its mean is of a handful."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Results of the entries of every setting of a grid.

    Attributes
    ----------
    axes : dict of str to tuple
        The values of each axis by its name, in the order of the arrays' axes. The last two are
        ``threshold`` and ``hold_seconds``. Each is an attribute as well: numbers are an ndarray,
        ``surface.decay``; what may be None or a word is a tuple.
    parameters : Parameters
        The settings that all share, among them signal and fee.
    parts : ndarray of float64, shape (*axes, 3, 6)
        Of the entries that end before the time held out, that begin in it, and that span its
        beginning: how many were closed, how many of these won before fees, the sum of their gross
        bps, the sum of its squares; how many a gap ended, and how many are still open.
    interval : float
        Seconds between the states of the coarsest history; of holds below
        `obi_widgets.calibration.forward_returns.COARSE` times as long there is no entry.
    origins : tuple of Provenance
        Market, span and hash of each history that has states.
    """

    axes: dict[str, tuple[Any, ...]]
    parameters: Parameters
    parts: Floats
    interval: float = 0.0
    origins: tuple[Provenance, ...] = ()

    def __repr__(self) -> str:
        sizes = (f"{len(values)} {name}" for name, values in self.axes.items())
        return f"<Surface {' × '.join(sizes)}>"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        axes = self.__dict__.get("axes", {})  # there are none while it is unpickled
        if name not in axes:
            raise AttributeError(f"A surface over {', '.join(axes)} has no {name}.")
        values = axes[name]
        return np.array(values) if all(type(one) is float for one in values) else values

    @property
    def threshold(self) -> Floats:
        """The thresholds."""
        return np.array(self.axes["threshold"])

    @property
    def hold_seconds(self) -> Floats:
        """The holds, seconds."""
        return np.array(self.axes["hold_seconds"])

    @property
    def titles(self) -> dict[str, str]:
        """Each axis as a screen names it, with its unit: ``"Decay, per bp"``."""
        titles = {name: _title(self.parameters.declared[name]) for name in self.axes}
        if self.parameters.threshold_is == "quantile":
            titles["threshold"] += ", quantile"
        return titles

    def settings(self, at: Iterable[SupportsIndex]) -> Parameters:
        """Return the settings of a cell, by where it stands on each axis."""
        return self.parameters.replace(**self.values(at))

    def values(self, at: Iterable[SupportsIndex]) -> dict[str, Any]:
        """Return the values of a cell by axis, by where it stands on each."""
        return {
            name: values[index] for (name, values), index in zip(self.axes.items(), at, strict=True)
        }

    @property
    def inside(self) -> Surface:
        """The same, of the entries that ended before the time held out: to choose by."""
        return replace(self, parts=self.parts[..., :1, :])

    @property
    def outside(self) -> Surface:
        """The same, of the entries made in the time held out: to judge by."""
        return replace(self, parts=self.parts[..., 1:2, :])

    @cached_property
    def sums(self) -> Floats:
        """All parts together, shape (*axes, 6)."""
        return np.asarray(self.parts.sum(axis=-2))

    @property
    def entries(self) -> NDArray[np.int64]:
        """Entries that were closed, by setting."""
        return self.sums[..., 0].astype(np.int64)

    @property
    def won(self) -> Floats:
        """The fraction of entries that won before fees; NaN without entries."""
        return _mean(self.sums, 1)

    @property
    def mean_gross_bps(self) -> Floats:
        """Mean of side · (exit − entry) / entry · 1e4; NaN without entries."""
        return _mean(self.sums, 2)

    @property
    def mean_net_bps(self) -> Floats:
        """``mean_gross_bps`` less the fee of both sides."""
        return self.mean_gross_bps - 2 * self.parameters.fee_bps

    @property
    def se_bps(self) -> Floats:
        """Standard error of the mean over entries, as if they were independent; NaN below two.

        Entries of one setting do not overlap, so that they very nearly are where there is no edge.
        """
        count, mean = self.sums[..., 0], self.mean_gross_bps
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(self.sums[..., 3] - count * mean**2, 0) / (count - 1)
            return np.where(count > 1, np.sqrt(variance / count), np.nan)

    @property
    def neighbours_net_bps(self) -> Floats:
        """The mean after fees over a setting's own entries and those of the settings beside it.

        Beside it on any axis of numbers, corners included; of words none is beside another. A
        setting that is good only by itself is noise.
        """
        total = _beside(self.sums, self._ordered, np.add, 0.0)
        return _mean(total, 2) - 2 * self.parameters.fee_bps

    @property
    def weakest_t(self) -> Floats:
        """The least t of ``mean_net_bps``, of a setting and of those beside it.

        It is large on a plateau, and not for a setting that is good only by itself. Those beside
        it that have fewer than `MIN_ENTRIES` entries say nothing; NaN for a setting that has fewer.
        """
        known = self.entries >= MIN_ENTRIES
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.nan_to_num(self.mean_net_bps / self.se_bps)  # without any spread: very large
        least = _beside(np.where(known, t, np.inf), self._ordered, np.minimum, np.inf)
        return np.where(known, least, np.nan)

    @property
    def _ordered(self) -> list[int]:
        """The axes on which one value lies beside another."""
        declared = self.parameters.declared
        return [
            n for n, name in enumerate(self.axes) if not isinstance(declared[name].kind, Choice)
        ]

    @property
    def p_adjusted(self) -> Floats:
        """Two-sided p of ``mean_gross_bps``, corrected for all settings of the surface.

        After Benjamini and Hochberg; see
        `obi_widgets.calibration.statistics.multiple_testing`. NaN below two entries.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            t = self.mean_gross_bps / self.se_bps
        return benjamini_hochberg(fixed_b.p_value(t, 0.0))

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, a row a setting.

        Returns
        -------
        DataFrame
            Indexed by the axes (of the imbalance ``decay, depth, threshold, hold_seconds``),
            where a depth of 0 is all levels, and NaN a parameter that is off;
            ``entries``, ``won``, ``mean_gross_bps``, ``mean_net_bps``, ``se_bps``,
            ``p_adjusted``, ``neighbours_net_bps``; ``inside_net_bps`` and ``outside_net_bps``,
            before and in the time held out, with ``outside_entries``; ``lost`` (ended by a gap,
            and in none of the others). Its ``attrs`` have the axes with their units, the settings
            that all share, what the figures are of, and that they are no verdict.
        """
        import pandas as pd

        index = pd.MultiIndex.from_product(
            [[self.in_table(name, one) for one in values] for name, values in self.axes.items()],
            names=list(self.axes),
        )
        names = ("entries", "won", "mean_gross_bps", "mean_net_bps", "se_bps", "p_adjusted")
        columns: dict[str, Any] = {
            name: getattr(self, name) for name in (*names, "neighbours_net_bps")
        }
        columns["inside_net_bps"] = self.inside.mean_net_bps
        columns["outside_net_bps"] = self.outside.mean_net_bps
        columns["outside_entries"] = self.outside.entries
        columns["lost"] = self.sums[..., 4].astype(np.int64)
        table = pd.DataFrame({name: one.ravel() for name, one in columns.items()}, index=index)
        told = to_tables(None, None)
        if self.origins:
            told["tuned_on"] = [to_table(one) for one in self.origins]
        table.attrs.update(labels(self.parameters, told) | {"axes": self.titles})
        return table

    def in_table(self, name: str, value: Any) -> Any:  # noqa: ANN401
        """Return a value of an axis as a table has it: for None 0 levels, or NaN."""
        if value is not None:
            return value
        return 0 if isinstance(self.parameters.declared[name].kind, Levels) else np.nan


def _mean(sums: Floats, figure: int) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[..., figure] / sums[..., 0])


def _beside(values: Floats, axes: Iterable[int], join: np.ufunc, outside: float) -> Floats:
    """Return values joined with those beside them on some axes, corners included."""
    for axis in axes:
        pad = [(int(n == axis),) * 2 for n in range(values.ndim)]
        padded, size = np.pad(values, pad, constant_values=outside), values.shape[axis]
        before, here, after = (np.take(padded, range(at, at + size), axis=axis) for at in (0, 1, 2))
        values = join(join(before, here), after)
    return values


def _title(one: Parameter) -> str:
    unit = getattr(one.kind, "unit", "")
    if not unit or unit == one.title.lower():
        return one.title
    return f"{one.title}, {unit}"
