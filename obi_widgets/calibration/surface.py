"""What every setting of a grid would have come to: the data behind a surface."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.history import History
from obi_widgets.scanner import Scanner
from obi_widgets.settings import Parameters, Settings
from obi_widgets.signals import compiling, imbalance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AXES = ("decay", "depth", "threshold", "hold_seconds")
"""The settings that a surface goes over, in the order of its arrays' axes."""

FIGURES = ("entries", "won", "sum", "squares", "lost", "open")
"""What is added up for each setting; the last axis of the sums."""

TOGETHER = 64
"""Decays that one pass computes, so that rounding stays within what it is guarded against."""

MOST = 5_000_000
"""Settings in a surface."""


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
    sums : ndarray of float64, shape (decay, depth, threshold, hold_seconds, 6)
        Of each setting: entries that were closed, those of them that won before fees, the sum of
        their gross bps, the sum of its squares; entries that a gap ended, and those still open.
    """

    decay: Floats
    depth: tuple[int | None, ...]
    threshold: Floats
    hold_seconds: Floats
    parameters: Parameters
    sums: Floats

    def __repr__(self) -> str:
        sizes = zip(AXES, self.sums.shape, strict=False)
        return f"<Surface {' × '.join(f'{count} {name}' for name, count in sizes)}>"

    @property
    def entries(self) -> NDArray[np.int64]:
        """Entries that were closed, by setting."""
        return self.sums[..., 0].astype(np.int64)

    @property
    def won(self) -> Floats:
        """The fraction of entries that won before fees; NaN without entries."""
        return self._mean(1)

    @property
    def mean_gross_bps(self) -> Floats:
        """Mean of side · (exit − entry) / entry · 1e4; NaN without entries."""
        return self._mean(2)

    @property
    def mean_net_bps(self) -> Floats:
        """``mean_gross_bps`` less the fee of both sides."""
        return self.mean_gross_bps - 2 * self.parameters.fee_bps

    @property
    def se_bps(self) -> Floats:
        """Standard error of the mean over entries, as if they were independent; NaN below two."""
        count, mean = self.sums[..., 0], self.mean_gross_bps
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(self.sums[..., 3] - count * mean**2, 0) / (count - 1)
            return np.where(count > 1, np.sqrt(variance / count), np.nan)

    def _mean(self, figure: int) -> Floats:
        count = self.sums[..., 0]
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sums[..., figure] / count)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, a row a setting.

        Returns
        -------
        DataFrame
            Indexed by ``decay, depth, threshold, hold_seconds``, where a depth of 0 is all
            levels; ``entries``, ``won``, ``mean_gross_bps``, ``mean_net_bps``, ``se_bps``,
            ``lost`` (ended by a gap, and in none of the others).
        """
        import pandas as pd

        depth = [0 if one is None else one for one in self.depth]
        index = pd.MultiIndex.from_product(
            [self.decay, depth, self.threshold, self.hold_seconds], names=AXES
        )
        columns = {
            name: getattr(self, name).ravel()
            for name in ("entries", "won", "mean_gross_bps", "mean_net_bps", "se_bps")
        }
        columns["lost"] = self.sums[..., 4].astype(np.int64).ravel()
        return pd.DataFrame(columns, index=index)


def sweep(
    histories: History | Sequence[History],
    *,
    decay: Iterable[float] | None = None,
    depth: Iterable[int | None] | None = None,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
) -> Surface:
    """Return what every combination of settings would have come to.

    Every entry of every setting is the one that `obi_widgets.entries` makes. Books are read once
    for all settings; decays on an even grid (``numpy.linspace``) are several times as fast as
    others.

    Parameters
    ----------
    histories : History or sequence of History
        Book states; the entries of several are added up.
    decay, depth, threshold, hold_seconds : iterable, optional
        The values of each axis; the settings' own value when left out. A depth of None is all
        levels.
    settings : Settings or Parameters, optional
        All else: band, weighting, price and fee. The defaults when left out.

    Returns
    -------
    Surface

    Raises
    ------
    SettingsError
        A value that is not possible, an axis without values, too many settings.
    """
    histories = [histories] if isinstance(histories, History) else histories
    parameters = Parameters.of(Settings() if settings is None else settings)
    given = {"decay": decay, "depth": depth, "threshold": threshold, "hold_seconds": hold_seconds}
    axes = {name: _axis(name, values, parameters) for name, values in given.items()}
    shape = tuple(len(values) for values in axes.values())
    if np.prod(shape, dtype=float) > MOST:
        raise SettingsError(
            f"{np.prod(shape, dtype=float):,.0f} settings are too many.",
            f"Give up to {MOST:,}: fewer values, or fewer axes.",
        )
    grid = _Grid(parameters, *axes.values())
    compiled = compiling.wait()
    total = np.zeros((*shape, len(FIGURES)))
    for history in histories:
        total += _compiled(history, grid) if compiled else _portable(history, grid)
    return Surface(
        np.array(axes["decay"]),
        tuple(axes["depth"]),
        np.array(axes["threshold"]),
        np.array(axes["hold_seconds"]),
        parameters,
        total,
    )


def _axis(name: str, values: Iterable[Any] | None, parameters: Parameters) -> list[Any]:
    """Return an axis' values, each of them valid."""
    if values is None:
        return [getattr(parameters, name)]
    checked = Settings()
    out = []
    for value in values:
        setattr(checked, name, value)
        out.append(getattr(checked, name))
    if not out:
        raise SettingsError(f"{name} has no values.", "Give at least one, or leave it out.")
    return out


@dataclass(frozen=True)
class _Grid:
    parameters: Parameters
    decay: list[float]
    depth: list[int | None]
    threshold: list[float]
    hold_seconds: list[float]

    @property
    def holds(self) -> list[int]:
        return [round(seconds * 1e9) for seconds in self.hold_seconds]


def _portable(history: History, grid: _Grid) -> Floats:
    """Add up entries setting by setting."""
    shape = (len(grid.decay), len(grid.depth), len(grid.threshold), len(grid.holds))
    out = np.zeros((*shape, len(FIGURES)))
    for where in np.ndindex(out.shape[:2]):
        pair = replace(grid.parameters, decay=grid.decay[where[0]], depth=grid.depth[where[1]])
        signal = imbalance(history, pair)
        for which in np.ndindex(out.shape[2:4]):
            scanner = Scanner(
                replace(
                    pair,
                    threshold=grid.threshold[which[0]],
                    hold_seconds=grid.hold_seconds[which[1]],
                )
            )
            scanner.extend(history, signal)
            trades = scanner.trades(history)
            gross = trades.gross_bps[trades.exit_time > 0]
            lost = np.count_nonzero(trades.lost)
            out[where + which] = (
                len(gross), np.count_nonzero(gross > 0), gross.sum(), (gross**2).sum(),
                lost, len(trades.side) - len(gross) - lost,
            )  # fmt: skip
    return out


def _compiled(history: History, grid: _Grid) -> Floats:
    """Add up entries of all settings in one pass, on as many threads as there are cores."""
    from obi_widgets.calibration import compiled_sweep

    p = grid.parameters
    decays, decay_at = np.unique(grid.decay, return_inverse=True)
    depths, depth_at = np.unique(
        [min(one or history.levels, history.levels) for one in grid.depth], return_inverse=True
    )
    steps = np.diff(decays)
    even = len(steps) > 0 and bool(np.ptp(steps) <= 1e-9 * decays[-1])
    exits = np.empty((len(grid.holds), len(history)), np.int32)
    for hold, row in zip(grid.holds, exits, strict=True):
        compiled_sweep.exits(history.time, history.bid, history.ask, hold, row)
    buy, sell = (history.mid, history.mid) if p.price == "mid" else (history.ask, history.bid)
    shape = (len(decays), len(depths), len(grid.threshold), len(grid.holds))
    upcoming, sums = np.zeros(shape, np.int64), np.zeros((*shape, len(FIGURES)))

    def compute(part: slice) -> None:
        for rows, block, first in history.runs():
            compiled_sweep.sweep(
                rows.start, first, history.bid[rows], history.ask[rows], block.ticks, block.sizes,
                history.tick_size, decays[part], even and part.stop - part.start > 1, depths,
                np.inf if p.band_bps is None else p.band_bps, p.weighting == "notional",
                np.array(grid.threshold), exits, buy, sell, upcoming[part], sums[part],
            )  # fmt: skip

    threads = min(4, os.cpu_count() or 1)
    count = max(min(threads, len(decays)), -(-len(decays) // TOGETHER))
    edges = [len(decays) * n // count for n in range(count + 1)]
    with ThreadPoolExecutor(threads, thread_name_prefix="obi-sweep") as pool:
        list(pool.map(compute, map(slice, edges[:-1], edges[1:])))
    return sums[decay_at][:, depth_at]
