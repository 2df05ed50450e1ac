"""What every setting of a grid would have come to: the data behind a surface."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.multiple_testing import benjamini_hochberg
from obi_widgets.settings.provenance import labels, to_table, to_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.provenance import Provenance
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]

AXES = ("decay", "depth", "threshold", "hold_seconds")
"""The settings that a surface goes over, in the order of its arrays' axes."""

THRESHOLDS = tuple(round(0.1 * n, 1) for n in range(1, 10))
"""Those that are looked at where none are given."""

LEAST = 20
"""Entries below which a setting is not chosen: its mean is of a handful."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Results of the entries of every setting of a grid.

    Attributes
    ----------
    decay, threshold, hold_seconds : ndarray of float64
        The values of the axes.
    depth : tuple of int or None
        None for all levels.
    parameters : Parameters
        The settings that all share, among them the fee.
    parts : ndarray of float64, shape (decay, depth, threshold, hold_seconds, 3, 6)
        Of the entries that end before the time held out, that begin in it, and that span its
        beginning: how many were closed, how many of these won before fees, the sum of their gross
        bps, the sum of its squares; how many a gap ended, and how many are still open.
    interval : float
        Seconds between the states of the coarsest history; of holds below
        `obi_widgets.calibration.forward_returns.COARSE` times as long there is no entry.
    origins : tuple of Provenance
        Market, span and hash of each history that has states.
    """

    decay: Floats
    depth: tuple[int | None, ...]
    threshold: Floats
    hold_seconds: Floats
    parameters: Parameters
    parts: Floats
    interval: float = 0.0
    origins: tuple[Provenance, ...] = ()

    def __repr__(self) -> str:
        sizes = zip(AXES, self.parts.shape, strict=False)
        return f"<Surface {' × '.join(f'{count} {name}' for name, count in sizes)}>"

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
        """All parts together, shape (decay, depth, threshold, hold_seconds, 6)."""
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

        Beside it on any axis, corners included. A setting that is good only by itself is noise.
        """
        return _mean(np.sum(list(_beside(self.sums)), axis=0), 2) - 2 * self.parameters.fee_bps

    @property
    def weakest_t(self) -> Floats:
        """The least t of ``mean_net_bps``, of a setting and of those beside it.

        It is large on a plateau, and not for a setting that is good only by itself. Those beside
        it that have fewer than `LEAST` entries say nothing; NaN for a setting that has fewer.
        """
        known = self.entries >= LEAST
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.nan_to_num(self.mean_net_bps / self.se_bps)  # without any spread: very large
        told = np.where(known, t, np.inf)[..., None]
        least = np.min(list(_beside(told, outside=np.inf)), axis=0)[..., 0]
        return np.where(known, least, np.nan)

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
            Indexed by ``decay, depth, threshold, hold_seconds``, where a depth of 0 is all
            levels; ``entries``, ``won``, ``mean_gross_bps``, ``mean_net_bps``, ``se_bps``,
            ``p_adjusted``, ``neighbours_net_bps``; ``inside_net_bps`` and ``outside_net_bps``,
            before and in the time held out, with ``outside_entries``; ``lost`` (ended by a gap,
            and in none of the others). Its ``attrs`` have the settings that all share, what the
            figures are of, and that they are no verdict.
        """
        import pandas as pd

        depth = [0 if one is None else one for one in self.depth]
        index = pd.MultiIndex.from_product(
            [self.decay, depth, self.threshold, self.hold_seconds], names=AXES
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
        table.attrs.update(labels(self.parameters, told))
        return table


def _mean(sums: Floats, figure: int) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[..., figure] / sums[..., 0])


def _beside(values: Floats, *, outside: float = 0.0) -> Iterator[Floats]:
    """Yield values of each setting and of those beside it on any axis; last come figures."""
    pad = [(1, 1)] * len(AXES) + [(0, 0)]
    padded = np.pad(values, pad, constant_values=outside)
    for offsets in product((0, 1, 2), repeat=len(AXES)):
        where = zip(offsets, values.shape, strict=False)
        yield padded[tuple(slice(at, at + size) for at, size in where)]
