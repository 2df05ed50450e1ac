"""Sweeping a grid of settings over recordings, here or wherever an executor runs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.entry_sums import FIGURES, PARTS, add_up, stop_if
from obi_widgets.calibration.grid import Grid
from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT
from obi_widgets.calibration.surface import Surface
from obi_widgets.checks import flag, instance
from obi_widgets.history.columns import History
from obi_widgets.history.given import as_histories
from obi_widgets.history.levels import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings

    Floats = NDArray[np.float64]
    Tell = Callable[[float], object]

SAMPLE = 4 * BLOCK
"""States that an estimate is made with."""


def sweep(
    histories: History | Sequence[History],
    *,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
    hold_out: float = DEFAULT_HOLD_OUT,
    executor: Executor | None = None,
    progress: bool | Tell = False,
    cancel: threading.Event | None = None,
    **axes: Iterable[Any] | None,
) -> Surface:
    """Return what every combination of settings would have come to.

    Every entry of every setting is the one that `obi_widgets.entries` makes. Of the imbalance,
    books are read once for all decays and depths; decays on an even grid (``numpy.linspace``) are
    several times as fast as others. Any other signal is computed once for each combination of its
    own parameters. Interrupting the cell stops it within a moment.

    Parameters
    ----------
    histories : History or sequence of History
        Book states; the entries of several are added up.
    threshold, hold_seconds : iterable, optional
        The values of these axes; the settings' own value when left out.
    settings : Settings or Parameters, optional
        The signal, and the value of all that is no axis. The defaults when left out.
    hold_out : float
        The share of each history's time, at its end, whose entries `Surface.outside` has; 0..1.
    executor : concurrent.futures.Executor, optional
        Where to compute, a history a task: processes, or a Dask cluster's
        ``Client.get_executor()``. The cores here when left out.
    progress : bool or callable
        Whether to show a bar, with an estimate of the time that is left; or what to tell how much
        is done, 0..1.
    cancel : threading.Event, optional
        Set it, from any thread, to stop.
    **axes : iterable
        Values of further axes by name: parameters of the settings' signal (of the imbalance
        ``decay``, ``depth``, ``band_bps``, ``weighting``; a depth of None is all levels),
        ``price``, and with ``threshold_is="quantile"`` also ``quantile_window``.

    Returns
    -------
    Surface
        Of holds below `returns.COARSE` times the interval of a history there is nothing in it:
        they would end too late.

    Raises
    ------
    SettingsError
        A name that is no axis, a value that is not possible, an axis without values, too many
        settings.
    CancelledError
        When ``cancel`` has been set.

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
    histories = as_histories(histories)
    instance("executor", executor, (Executor, type(None)), "Give a concurrent.futures.Executor.")
    instance("cancel", cancel, (threading.Event, type(None)), "Give a threading.Event.")
    if not callable(progress):
        flag("progress", progress)
    axes |= {"threshold": threshold, "hold_seconds": hold_seconds}
    grid = Grid.of(settings, hold_out, axes)
    cancel = cancel or threading.Event()
    total = np.zeros((*grid.shape, PARTS, FIGURES))
    with _Bar(progress, sum(map(len, histories))) as bar:
        if executor is None:
            for history in histories:
                total += add_up(history, grid, cancel, bar.add)
        else:
            total += _elsewhere(executor, histories, grid, cancel, bar)
    interval = max((one.interval for one in histories), default=0.0)
    origins = tuple(one.provenance for one in histories if one.provenance is not None)
    return Surface(grid.axes, grid.parameters, total, interval, origins)


def swept(
    history: History,
    settings: Parameters,
    axes: Mapping[str, Iterable[Any]],
    hold_out: float = DEFAULT_HOLD_OUT,
    first: int = 0,
) -> Surface:
    """Return a surface as `sweep` does, here and without its origin.

    Parameters
    ----------
    history, settings, axes, hold_out
        See `sweep`.
    first : int
        The first row that may enter. Rows before it are what signals look back over.

    Notes
    -----
    The hash in an origin takes longer than a small sweep: a part of a history goes without.
    """
    grid = Grid.of(settings, hold_out, axes)
    return Surface(
        grid.axes, grid.parameters, add_up(history, grid, first=first), history.interval, ()
    )


def sweep_seconds(
    histories: History | Sequence[History],
    *,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
    **axes: Iterable[Any] | None,
) -> float:
    """Return about how many seconds a `sweep` would take on the cores here.

    It sweeps a small part of the history, and takes the rest to be like it. The parameters are
    those of `sweep`.
    """
    histories = as_histories(histories)
    axes |= {"threshold": threshold, "hold_seconds": hold_seconds}
    grid = Grid.of(settings, DEFAULT_HOLD_OUT, axes)
    states = sum(map(len, histories))
    longest = max(histories, key=len, default=None)
    if longest is None or not len(longest):
        return 0.0
    sample = longest[: min(len(longest), SAMPLE)]
    seconds = []
    for _ in range(2):  # the first may wait for the compiler, or for memory
        began = time.perf_counter()
        add_up(sample, grid)
        seconds.append(time.perf_counter() - began)
    return min(seconds) * states / len(sample)


def _task(history: History, grid: Grid) -> Floats:
    """Do one history in a worker, which is one of several."""
    return add_up(history, grid, threads=1)


def _elsewhere(
    executor: Executor,
    histories: Sequence[History],
    grid: Grid,
    cancel: threading.Event,
    bar: _Bar,
) -> Floats:
    """Return the sum over histories, each added up by an executor."""
    futures = [executor.submit(_task, history, grid) for history in histories]
    waiting = dict(zip(futures, map(len, histories), strict=True))
    try:
        while waiting:
            finished, _ = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
            stop_if(cancel)
            for future in finished:
                bar.add(waiting.pop(future))
    finally:
        for future in waiting:
            future.cancel()
    # In one order, whichever came first: sums of floats depend on it.
    nothing = np.zeros((*grid.shape, PARTS, FIGURES))
    return np.asarray(sum((future.result() for future in futures), nothing))


class _Bar:
    """How much is done, for a bar or for whoever wants to be told."""

    def __init__(self, progress: bool | Tell, states: int) -> None:
        self._lock = threading.Lock()
        self._states, self._done = max(states, 1), 0.0
        self._tell = progress if callable(progress) else None
        self._bar: Any = None
        if progress is True:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=states, desc="sweep", unit=" states", unit_scale=True)

    def add(self, states: float) -> None:
        """Take note of states that are done with all settings."""
        with self._lock:
            self._done += states
            if self._bar is not None:
                self._bar.update(states)
            if self._tell is not None:
                self._tell(min(self._done / self._states, 1.0))

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
