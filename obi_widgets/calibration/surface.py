"""The surface of a sweep: the results of every setting of a grid."""

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
"""Fewest entries of a setting that can be chosen; a mean of fewer is not reliable."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Results of every setting of a grid; arrays have one axis for each axis of the grid.

    Made by `obi_widgets.sweep`.

    Attributes
    ----------
    axes : dict of str to tuple
        Values of each axis by name, in the order of the arrays' axes. The last two are
        ``threshold`` and ``hold_seconds``. Each axis is also an attribute, such as
        ``surface.decay``: an ndarray of float64 if all its values are floats, else a tuple.
    parameters : Parameters
        The settings that all share, such as signal and fee.
    parts : ndarray of float64, shape (*axes, 3, 13)
        Sums over entries in three parts: those that end before the hold-out, those that begin in
        it, and those that span its beginning. The sums, in which a gain is weighted by the entry's
        share w of the whole size: 0 closed entries; 1 those with a gross gain above 0; 2 their
        gross gains g, bps; 3 the squares of these; 4 entries ended by a gap; 5 entries still open;
        6 orders that were not filled; 7 two taker's fees less the fees paid, bps; 8 the squares
        of n = gross gains plus these; 9 w; 10 w²; 11 w·g; 12 w·n.
    interval : float
        Seconds between the states of the coarsest history. Holds below 10 intervals have no
        entries, since they would end too late.
    origins : tuple of Provenance
        Market, time span and hash of each history that has states.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=60, seed=1)
    >>> surface = obi.sweep(history, threshold=[0.2, 0.4, 0.6], hold_seconds=[1, 5])
    >>> surface.threshold
    array([0.2, 0.4, 0.6])
    >>> surface.mean_net_bps.shape  # decay, depth, threshold, hold_seconds
    (1, 1, 3, 2)
    >>> surface.settings((0, 0, 2, 1)).threshold
    0.6
    >>> surface.to_frame().index.names
    FrozenList(['decay', 'depth', 'threshold', 'hold_seconds'])
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
        return np.array(values) if all(type(value) is float for value in values) else values

    @property
    def threshold(self) -> Floats:
        """The thresholds, in the signal's unit, or quantiles."""
        return np.array(self.axes["threshold"])

    @property
    def hold_seconds(self) -> Floats:
        """The holds, seconds."""
        return np.array(self.axes["hold_seconds"])

    @property
    def titles(self) -> dict[str, str]:
        """Label of each axis with its unit, as shown on screen: ``"Decay, per bp"``."""
        titles = {name: _title(self.parameters.declared[name]) for name in self.axes}
        if self.parameters.threshold_is == "quantile":
            titles["threshold"] += ", quantile"
        return titles

    def settings(self, at: Iterable[SupportsIndex]) -> Parameters:
        """Return the settings of a cell, given its index on each axis."""
        return self.parameters.replace(**self.values(at))

    def values(self, at: Iterable[SupportsIndex]) -> dict[str, Any]:
        """Return the value of each axis by name, given a cell's index on each axis."""
        return {
            name: values[index] for (name, values), index in zip(self.axes.items(), at, strict=True)
        }

    @property
    def in_sample(self) -> Surface:
        """The surface of the entries that end before the hold-out, to choose settings by."""
        return replace(self, parts=self.parts[..., :1, :])

    @property
    def out_of_sample(self) -> Surface:
        """The surface of the entries made in the hold-out, to judge chosen settings by."""
        return replace(self, parts=self.parts[..., 1:2, :])

    @cached_property
    def sums(self) -> Floats:
        """Sums over all parts, shape (*axes, 13); see ``parts``."""
        return np.asarray(self.parts.sum(axis=-2))

    @property
    def entries(self) -> NDArray[np.int64]:
        """Number of closed entries of each setting."""
        return self.sums[..., 0].astype(np.int64)

    @property
    def missed(self) -> NDArray[np.int64]:
        """Number of orders that were not filled; they are not in ``entries``."""
        return self.sums[..., 6].astype(np.int64)

    @property
    def won(self) -> Floats:
        """Fraction of entries with a gross gain above 0; NaN without entries."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sums[..., 1] / self.sums[..., 0])

    @property
    def mean_gross_bps(self) -> Floats:
        """Mean gross gain, side · (exit − entry) / entry · 1e4, bps; NaN without entries.

        Entries whose size depends on the signal are weighted by it: Σ w · gain / Σ w.
        """
        return _mean(self.sums, 2)

    @property
    def mean_net_bps(self) -> Floats:
        """Mean net gain, bps: ``mean_gross_bps`` minus the fees of both sides."""
        return self.mean_gross_bps - 2 * self.parameters.fee_bps + _mean(self.sums, 7)

    @property
    def se_bps(self) -> Floats:
        """Standard error of ``mean_net_bps``, for independent entries; NaN for fewer than two.

        Entries of one setting do not overlap, so they are nearly independent if there is no edge.
        A taker's fees are the same in every entry, so it is also that of ``mean_gross_bps``. Fees
        of post-only entries differ, and are known only with the exit.
        """
        return _standard_error(self.sums, self.mean_gross_bps + _mean(self.sums, 7), 8, 12)

    @property
    def gross_se_bps(self) -> Floats:
        """Standard error of ``mean_gross_bps``; see ``se_bps``."""
        return _standard_error(self.sums, self.mean_gross_bps, 3, 11)

    @property
    def neighbours_net_bps(self) -> Floats:
        """Mean net gain over the entries of a setting and of its neighbours, bps.

        Neighbours are the adjacent settings on all axes of numbers, corners included. A setting
        that is good only by itself is probably noise.
        """
        total = _with_neighbours(self.sums, self._ordered, np.add, 0.0)
        return _mean(total, 2) - 2 * self.parameters.fee_bps + _mean(total, 7)

    @property
    def weakest_t(self) -> Floats:
        """The smallest t value of ``mean_net_bps`` among a setting and its neighbours.

        It is large on a plateau, and not for a setting that is good only by itself. Neighbours with
        fewer than 20 entries are ignored. NaN for a setting with fewer than 20 entries.
        """
        known = self.entries >= MIN_ENTRIES
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.nan_to_num(
                self.mean_net_bps / self.se_bps
            )  # equal gains have no error: t is infinite
        smallest = _with_neighbours(np.where(known, t, np.inf), self._ordered, np.minimum, np.inf)
        return np.where(known, smallest, np.nan)

    @property
    def _ordered(self) -> list[int]:
        """The axes whose values have an order, so that settings have neighbours on them."""
        declared = self.parameters.declared
        return [
            n for n, name in enumerate(self.axes) if not isinstance(declared[name].kind, Choice)
        ]

    @property
    def p_adjusted(self) -> Floats:
        """Two-sided p values of ``mean_gross_bps`` = 0, corrected for all settings of the surface.

        Benjamini and Hochberg (1995); see
        `obi_widgets.calibration.statistics.multiple_testing`. NaN for fewer than two entries.
        """
        return _adjusted(self.mean_gross_bps, self.gross_se_bps)

    @property
    def net_p_adjusted(self) -> Floats:
        """Two-sided p values of ``mean_net_bps`` = 0, corrected as ``p_adjusted``."""
        return _adjusted(self.mean_net_bps, self.se_bps)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with one row for each setting.

        Returns
        -------
        DataFrame
            Indexed by the axes (of the imbalance ``decay, depth, threshold, hold_seconds``), where
            a depth of 0 is all levels, and NaN is a parameter that is switched off. Columns
            ``entries``, ``won``, ``mean_gross_bps``, ``mean_net_bps``, ``se_bps``, ``p_adjusted``,
            ``net_p_adjusted`` and ``neighbours_net_bps`` are the properties of these names;
            ``in_sample_net_bps``, ``out_of_sample_net_bps`` and ``out_of_sample_entries`` are of
            the time before the hold-out and of the hold-out; ``lost`` counts entries ended by a gap
            and ``missed`` orders that were not filled: no other column includes them. Its ``attrs``
            hold the axes with their units, the common settings and the origin of the data, and say
            that the table is no verdict.
        """
        import pandas as pd

        index = pd.MultiIndex.from_product(
            [[self.in_table(name, v) for v in values] for name, values in self.axes.items()],
            names=list(self.axes),
        )
        names = ("entries", "won", "mean_gross_bps", "mean_net_bps", "se_bps", "p_adjusted")
        columns: dict[str, Any] = {
            name: getattr(self, name) for name in (*names, "net_p_adjusted", "neighbours_net_bps")
        }
        columns["in_sample_net_bps"] = self.in_sample.mean_net_bps
        columns["out_of_sample_net_bps"] = self.out_of_sample.mean_net_bps
        columns["out_of_sample_entries"] = self.out_of_sample.entries
        columns["lost"], columns["missed"] = self.sums[..., 4].astype(np.int64), self.missed
        table = pd.DataFrame({k: v.ravel() for k, v in columns.items()}, index=index)
        tables = to_tables(None, None)
        if self.origins:
            tables["tuned_on"] = [to_table(origin) for origin in self.origins]
        table.attrs.update(labels(self.parameters, tables) | {"axes": self.titles})
        return table

    def in_table(self, name: str, value: Any) -> Any:  # noqa: ANN401
        """Return a value of an axis as a table shows it: None is 0 levels, or NaN."""
        if value is not None:
            return value
        return 0 if isinstance(self.parameters.declared[name].kind, Levels) else np.nan


def _mean(sums: Floats, figure: int) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[..., figure] / sums[..., 9])


def _standard_error(sums: Floats, mean: Floats, squares: int, products: int) -> Floats:
    """Return the standard error of a weighted mean Σ w·r / Σ w.

    It is made of the figures that have Σ (w·r)² and Σ w²·r.
    """
    count, total = sums[..., 0], sums[..., 9]
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums[..., squares] - 2 * mean * sums[..., products] + mean**2 * sums[..., 10]
        variance = np.maximum(apart, 0) * count / (count - 1)
        return np.where(count > 1, np.sqrt(variance) / total, np.nan)


def _adjusted(mean: Floats, error: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return benjamini_hochberg(fixed_b.p_value(mean / error, 0.0))


def _with_neighbours(values: Floats, axes: Iterable[int], join: np.ufunc, beyond: float) -> Floats:
    """Return each value joined with its neighbours on some axes, corners included.

    ``beyond`` stands for the neighbours beyond the edge.
    """
    for axis in axes:
        pad = [(int(n == axis),) * 2 for n in range(values.ndim)]
        padded, size = np.pad(values, pad, constant_values=beyond), values.shape[axis]
        before, here, after = (np.take(padded, range(at, at + size), axis=axis) for at in (0, 1, 2))
        values = join(join(before, here), after)
    return values


def _title(parameter: Parameter) -> str:
    """Return a parameter's title with its unit."""
    title, unit = parameter.title, getattr(parameter.kind, "unit", "")
    return f"{title}, {unit}" if unit and unit != title.lower() else title
