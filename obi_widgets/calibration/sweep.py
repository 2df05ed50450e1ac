"""Sweep of a grid of settings over histories, in this process or by an executor."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from obi_widgets.calibration.entry_sums import add_up, none, without_coarse, worse
from obi_widgets.calibration.grid import Grid
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT, holdout_from
from obi_widgets.calibration.part_by_part import How, Part, Progress, each
from obi_widgets.calibration.surface import Surface
from obi_widgets.calibration.workers import check as check_executor
from obi_widgets.checks import flag, instance
from obi_widgets.errors import HistoryError
from obi_widgets.history.given import as_loaders
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from obi_widgets.calibration.record import Record
    from obi_widgets.calibration.workers import Where
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings

    Floats = NDArray[np.float64]
    Tell = Callable[[float], object]

SAMPLE = 4 * BLOCK
"""Number of states that `sweep_seconds` measures with."""


def sweep(
    histories: History | Sequence[History],
    *,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
    hold_out: float = DEFAULT_HOLD_OUT,
    queue: Literal["worse", "back", "front"] = "worse",
    executor: Where | None = None,
    progress: bool | Tell = False,
    cancel: threading.Event | None = None,
    **axes: Iterable[Any] | None,
) -> Surface:
    """Return the results of every combination of settings.

    The entries of each setting are those of `obi_widgets.entries`. For the imbalance, books are
    read once for all decays and depths; decays on an even grid (``numpy.linspace``) are several
    times faster than others. Any other signal is computed once for each combination of its own
    parameters. Interrupting the cell stops the sweep.

    Parameters
    ----------
    histories : History, sequence of History, or Days
        Book states. The entries of several histories are added up. The days that `load_days`
        returns are loaded one by one, each where it is swept.
    threshold, hold_seconds : iterable, optional
        Values of these axes. The default is the value in ``settings``.
    settings : Settings or Parameters, optional
        The signal, and the value of every parameter that is no axis. Default settings by default.
    hold_out : float
        Fraction of each history's time, at its end, that `Surface.out_of_sample` is about; 0..1.
    queue : {"worse", "back", "front"}
        Bound of post-only fills: last in the queue, first, or in each cell the one with the lower
        mean net gain over all histories. It has no effect on a taker.
    executor : int, distributed.Client or concurrent.futures.Executor, optional
        Where to compute, one task for each history: a number of processes on this computer, a
        client of a Dask cluster, or another executor. The result is the same to the bit, for
        any number and kind of workers. If a worker dies, the first two give its task to another
        one. The default is this process, with a thread on each core.
    progress : bool or callable
        True shows a progress bar with the estimated time left. A callable is given the fraction
        that is done, 0..1.
    cancel : threading.Event, optional
        Set it, from any thread, to stop the sweep.
    **axes : iterable
        Values of further axes by name: parameters of the settings' signal (of the imbalance
        ``decay``, ``depth``, ``band_bps``, ``weighting``; a depth of None is all levels),
        ``entry_rule``, ``transition_seconds``, ``most_per_hour``, the exits (``exit_fade``,
        ``exit_flip``, ``exit_deceleration``, ``deceleration_seconds``, ``stop_bps``,
        ``target_bps``),
        ``size_by``, ``stop_by``, ``least_weight``, ``price``, ``execution``, ``wait_seconds``,
        ``latency_ms``, ``slippage_bps``, ``size``, and with ``threshold_is="quantile"`` also
        ``quantile_window``.

    Returns
    -------
    Surface
        Holds below 10 times the interval of a history have no entries in it: they would end too
        late.

    Raises
    ------
    SettingsError
        If a name is no axis, a value is not possible, an axis has no values, there are too many
        settings, or orders are post-only and a history has no trades.
    ArgumentError
        If ``executor`` is not one of these, or a signal of your own cannot be sent to it.
    HistoryError
        If days are of different markets, or none of them has a book.
    RecordingError
        If a day cannot be read; it is named.
    WorkerError
        If workers died over a task again and again, or a cluster was lost.
    CancelledError
        If ``cancel`` was set.

    Warns
    -----
    RecordingWarning
        If a day has no book, or data of it were not used.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=60, seed=1)
    >>> obi.sweep(history, decay=[0.1, 0.2], threshold=[0.3, 0.5])
    <Surface 2 decay × 1 depth × 2 threshold × 1 hold_seconds>
    >>> z = obi.Settings(signal="zscore(imbalance)", window=20, threshold=2)
    >>> obi.sweep(history, settings=z, window=[10, 20], threshold=[1, 2, 3])
    <Surface 2 window × 3 threshold × 1 hold_seconds>
    """
    loaders = as_loaders(histories)
    check_executor(executor)
    instance("cancel", cancel, (threading.Event, type(None)), "Give a threading.Event.")
    if not callable(progress):
        flag("progress", progress)
    axes |= {"threshold": threshold, "hold_seconds": hold_seconds}
    grid = Grid.of(settings, hold_out, axes, queue)
    total = none(grid)
    interval, origins, count = 0.0, list[Provenance](), 0
    computed = [Part(loader, partial(_swept, grid=grid)) for loader in loaders]
    with Progress(progress, loaders) as bar:
        found = each(computed, executor, signal=grid.parameters.signal, cancel=cancel, progress=bar)
        for _, one in found:  # in their order: sums of floats depend on it
            total += one.sums
            interval = max(interval, one.interval)
            count += 1
            if one.origin is not None:
                origins.append(one.origin)
    if not count:
        raise HistoryError("None of the days has a book.", "Give others.")
    parts = worse(without_coarse(total, grid, interval))
    return Surface(grid.axes, grid.parameters, parts, interval, tuple(origins))


class _Swept(NamedTuple):
    """What a sweep of one history found."""

    sums: Floats
    interval: float
    origin: Provenance | None


def _swept(history: History, how: How, grid: Grid, *, hashed: bool = True) -> _Swept:
    sums = add_up(history, grid, how.cancel, how.done, how.threads)
    return _Swept(sums, history.interval, history.provenance if hashed else None)


def surface_of(record: Record, grid: Grid) -> Surface:
    """Return a surface whose hold-out is the end of a record, not of each of its histories."""
    held_from = holdout_from(record.elapsed, grid.hold_out)
    computes = [
        partial(_swept, grid=replace(grid, held_from=max(held_from - begin, 0)), hashed=False)
        for begin in record.begins[:-1]
    ]
    total = none(grid)
    for _, one in record.each(computes, grid.parameters.signal):
        total += one.sums
    parts = worse(without_coarse(total, grid, record.interval))
    return Surface(grid.axes, grid.parameters, parts, record.interval)


def sweep_seconds(
    histories: History | Sequence[History],
    *,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
    **axes: Iterable[Any] | None,
) -> float:
    """Return an estimate of the seconds that a `sweep` would take on this computer.

    It sweeps a small part of the longest history, and extrapolates to all states. Of days it loads
    the first one, and takes the others to be as long.

    Parameters
    ----------
    histories, threshold, hold_seconds, settings, **axes
        See `obi_widgets.sweep`.

    Returns
    -------
    float
        Seconds; 0 without states.

    Raises
    ------
    SettingsError
        As `obi_widgets.sweep`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=60, seed=1)
    >>> 0 < obi.sweep_seconds(history, threshold=[0.3, 0.5]) < 60
    True
    """
    loaders = as_loaders(histories)
    axes |= {"threshold": threshold, "hold_seconds": hold_seconds}
    grid = Grid.of(settings, DEFAULT_HOLD_OUT, axes)
    known = [loader for loader in loaders if loader.states is not None]
    longest = max(known, key=lambda one: one.states or 0, default=loaders[0])
    began = time.perf_counter()
    history = longest.load().history
    loading = (time.perf_counter() - began) * (len(loaders) - len(known))
    if history is None or not len(history):
        return loading
    # Days that are not loaded are reckoned as long as the first one.
    states = sum(len(history) if one.states is None else one.states for one in loaders)
    sample = min(len(history), SAMPLE)
    seconds = []
    for _ in range(2):  # the first run may include compilation
        began = time.perf_counter()
        add_up(history, grid, stop=sample)
        seconds.append(time.perf_counter() - began)
    return loading + min(seconds) * states / sample
