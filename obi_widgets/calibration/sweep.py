"""Sweeping a grid of settings over recordings, here or wherever an executor runs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.calibration.holdout import SHARE, holdout
from obi_widgets.calibration.surface import AXES, Surface
from obi_widgets.checks import between, flag, kind, several
from obi_widgets.errors import CancelledError, SettingsError
from obi_widgets.history.columns import History
from obi_widgets.history.given import as_histories
from obi_widgets.history.levels import BLOCK
from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import cores
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.settings import Settings
from obi_widgets.signals import imbalance
from obi_widgets.signals.coverage import without_value
from obi_widgets.trading.entries import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.provenance import Provenance

    Floats = NDArray[np.float64]
    Tell = Callable[[float], object]

KERNELS = Kernels("obi_widgets.calibration.sweep_numba")

PARTS, FIGURES = 3, 6
"""See `Surface.parts`."""

TOGETHER = 64
"""Decays that one pass computes, so that rounding stays within what it is guarded against."""

MOST = 5_000_000
"""Settings in a surface."""

SAMPLE = 4 * BLOCK
"""States that an estimate is made with."""


def sweep(
    histories: History | Sequence[History],
    *,
    decay: Iterable[float] | None = None,
    depth: Iterable[int | None] | None = None,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
    hold_out: float = SHARE,
    executor: Executor | None = None,
    progress: bool | Tell = False,
    cancel: threading.Event | None = None,
) -> Surface:
    """Return what every combination of settings would have come to.

    Every entry of every setting is the one that `obi_widgets.entries` makes. Books are read once
    for all settings; decays on an even grid (``numpy.linspace``) are several times as fast as
    others. Interrupting the cell stops it within a moment.

    Parameters
    ----------
    histories : History or sequence of History
        Book states; the entries of several are added up.
    decay, depth, threshold, hold_seconds : iterable, optional
        The values of each axis; the settings' own value when left out. A depth of None is all
        levels.
    settings : Settings or Parameters, optional
        All else: band, weighting, price and fee. The defaults when left out.
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

    Returns
    -------
    Surface
        Of holds below `returns.COARSE` times the interval of a history there is nothing in it:
        they would end too late.

    Raises
    ------
    SettingsError
        A value that is not possible, an axis without values, too many settings.
    CancelledError
        When ``cancel`` has been set.
    """
    histories = as_histories(histories)
    kind("executor", executor, (Executor, type(None)), "Give a concurrent.futures.Executor.")
    kind("cancel", cancel, (threading.Event, type(None)), "Give a threading.Event.")
    if not callable(progress):
        flag("progress", progress)
    grid = _Grid.of(
        settings, hold_out, decay=decay, depth=depth, threshold=threshold, hold_seconds=hold_seconds
    )
    cancel = cancel or threading.Event()
    total = np.zeros(grid.shape)
    with _Bar(progress, sum(map(len, histories))) as bar:
        if executor is None:
            for history in histories:
                total += _add_up(history, grid, cancel, bar.add)
        else:
            total += _elsewhere(executor, histories, grid, cancel, bar)
    interval = max((one.interval for one in histories), default=0.0)
    origins = tuple(one.provenance for one in histories if one.provenance is not None)
    return grid.surface(total, interval, origins)


def swept(
    history: History,
    settings: Parameters,
    axes: dict[str, list[Any]],
    hold_out: float = SHARE,
) -> Surface:
    """Return a surface as `sweep` does, here and without its origin.

    The hash in an origin takes longer than a small sweep: a part of a history goes without.
    """
    given: dict[str, Any] = dict.fromkeys(AXES) | axes
    grid = _Grid.of(settings, hold_out, **given)
    return grid.surface(_add_up(history, grid), history.interval, ())


def sweep_seconds(
    histories: History | Sequence[History],
    *,
    decay: Iterable[float] | None = None,
    depth: Iterable[int | None] | None = None,
    threshold: Iterable[float] | None = None,
    hold_seconds: Iterable[float] | None = None,
    settings: Settings | Parameters | None = None,
) -> float:
    """Return about how many seconds a `sweep` would take on the cores here.

    It sweeps a small part of the history, and takes the rest to be like it. The parameters are
    those of `sweep`.
    """
    histories = as_histories(histories)
    grid = _Grid.of(
        settings, SHARE, decay=decay, depth=depth, threshold=threshold, hold_seconds=hold_seconds
    )
    states = sum(map(len, histories))
    longest = max(histories, key=len, default=None)
    if longest is None or not len(longest):
        return 0.0
    sample = longest[: min(len(longest), SAMPLE)]
    seconds = []
    for _ in range(2):  # the first may wait for the compiler, or for memory
        began = time.perf_counter()
        _add_up(sample, grid)
        seconds.append(time.perf_counter() - began)
    return min(seconds) * states / len(sample)


@dataclass(frozen=True)
class _Grid:
    """The settings of a sweep, checked."""

    parameters: Parameters
    hold_out: float
    decay: list[float]
    depth: list[int | None]
    threshold: list[float]
    hold_seconds: list[float]

    @classmethod
    def of(
        cls, settings: Settings | Parameters | None, hold_out: float, **axes: Iterable[Any] | None
    ) -> _Grid:
        parameters = Parameters.of(Settings() if settings is None else settings)
        hold_out = between("hold_out", hold_out)
        checked = {name: axis(name, values, parameters) for name, values in axes.items()}
        count = np.prod([len(values) for values in checked.values()], dtype=float)
        if count > MOST:
            raise SettingsError(
                f"{count:,.0f} settings are too many.",
                f"Give up to {MOST:,}: fewer values, or fewer axes.",
            )
        return cls(parameters, hold_out, **checked)

    @property
    def holds(self) -> list[int]:
        return [round(seconds * 1e9) for seconds in self.hold_seconds]

    @property
    def shape(self) -> tuple[int, ...]:
        pairs = len(self.decay), len(self.depth)
        return (*pairs, len(self.threshold), len(self.hold_seconds), PARTS, FIGURES)

    def cut(self, history: History) -> int:
        """Return the first row that is held out."""
        return int(holdout(history.elapsed, share=self.hold_out).outside.start)

    def surface(self, parts: Floats, interval: float, origins: tuple[Provenance, ...]) -> Surface:
        return Surface(
            np.array(self.decay),
            tuple(self.depth),
            np.array(self.threshold),
            np.array(self.hold_seconds),
            self.parameters,
            parts,
            interval,
            origins,
        )


def axis(name: str, values: Iterable[Any] | None, parameters: Parameters) -> list[Any]:
    """Return an axis' values, each of them valid."""
    if values is None:
        return [getattr(parameters, name)]
    checked = Settings()
    out = []
    for value in several(name, values):
        setattr(checked, name, value)
        out.append(getattr(checked, name))
    return out


def _add_up(
    history: History,
    grid: _Grid,
    cancel: threading.Event | None = None,
    done: Callable[[float], None] = lambda _: None,
    threads: int | None = None,
) -> Floats:
    """Return the parts of a surface over one history; ``done`` is told of states."""
    cancel = cancel or threading.Event()
    if KERNELS.wait():
        parts = _compiled(history, grid, cancel, done, threads or cores())
    else:
        parts = _portable(history, grid, cancel, done)
    parts[..., too_coarse(np.array(grid.hold_seconds), history.interval), :, :] = 0
    return parts


def _task(history: History, grid: _Grid) -> Floats:
    """Do one history in a worker, which is one of several."""
    return _add_up(history, grid, threads=1)


def _elsewhere(
    executor: Executor,
    histories: Sequence[History],
    grid: _Grid,
    cancel: threading.Event,
    bar: _Bar,
) -> Floats:
    """Return the sum over histories, each added up by an executor."""
    futures = [executor.submit(_task, history, grid) for history in histories]
    waiting = dict(zip(futures, map(len, histories), strict=True))
    try:
        while waiting:
            finished, _ = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
            _stop_if(cancel)
            for future in finished:
                bar.add(waiting.pop(future))
    finally:
        for future in waiting:
            future.cancel()
    # In one order, whichever came first: sums of floats depend on it.
    return np.asarray(sum((future.result() for future in futures), np.zeros(grid.shape)))


def _stop_if(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise CancelledError("The sweep was cancelled.", "Nothing of it is kept; start it again.")


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


def _portable(
    history: History, grid: _Grid, cancel: threading.Event, done: Callable[[float], None]
) -> Floats:
    """Add up entries setting by setting."""
    out = np.zeros(grid.shape)
    cut = grid.cut(history)
    since = int(history.time[cut]) if cut < len(history) else 2**63 - 1
    for where in np.ndindex(out.shape[:2]):
        pair = grid.parameters.replace(decay=grid.decay[where[0]], depth=grid.depth[where[1]])
        signal = imbalance(history, pair)
        for which in np.ndindex(out.shape[2:4]):
            _stop_if(cancel)
            chosen = pair.replace(
                threshold=grid.threshold[which[0]], hold_seconds=grid.hold_seconds[which[1]]
            )
            scanner = Scanner(chosen)
            scanner.extend(history, signal)
            out[where + which] = _figures(history, scanner, since)
        done(len(history) / np.prod(out.shape[:2]))
    return out


def _figures(history: History, scanner: Scanner, since: int) -> Floats:
    """Return what the entries of one setting come to, by part."""
    trades = scanner.trades(history)
    closed = trades.exit_time > 0
    still = ~closed & ~trades.lost
    # A gap is where an entry that it ended was left; one still open was not left before the end.
    gaps = history.time[np.isnan(history.bid) & np.isnan(history.ask)]
    left = np.where(still, 2**63 - 1, trades.exit_time)
    after = np.searchsorted(gaps, trades.entry_time[trades.lost])
    left[trades.lost] = gaps[after]
    part = np.where(left < since, 0, np.where(trades.entry_time >= since, 1, 2))
    gross = np.nan_to_num(trades.gross_bps)
    columns = (closed, closed & (gross > 0), gross, gross**2, trades.lost, still)
    return np.stack([np.bincount(part, one, minlength=PARTS) for one in columns], axis=1)


def _compiled(
    history: History,
    grid: _Grid,
    cancel: threading.Event,
    done: Callable[[float], None],
    threads: int,
) -> Floats:
    """Add up entries of all settings in one pass."""
    code, p = KERNELS.code, grid.parameters
    decays, decay_at = np.unique(grid.decay, return_inverse=True)
    depths, none, depth_at = _depths(history, grid)
    steps = np.diff(decays)
    even = len(steps) > 0 and bool(np.ptp(steps) <= 1e-9 * decays[-1])
    exits = np.empty((len(grid.holds), len(history)), np.int32)
    for hold, row in zip(grid.holds, exits, strict=True):
        code.exits(history.time, history.bid, history.ask, hold, row)
    buy, sell = (history.mid, history.mid) if p.price == "mid" else (history.ask, history.bid)
    shape = (len(decays), len(depths), *grid.shape[2:])
    upcoming, sums = np.zeros(shape[:4], np.int64), np.zeros(shape)
    cut = grid.cut(history)

    def compute(part: slice) -> None:
        count = part.stop - part.start
        for rows, block, first in history.runs():
            if cancel.is_set():
                return
            code.sweep(
                rows.start, first, history.bid[rows], history.ask[rows], block.ticks, block.sizes,
                history.tick_size, decays[part], even and count > 1, depths,
                np.inf if p.band_bps is None else p.band_bps, p.weighting == "notional",
                np.array(grid.threshold), exits, buy, sell, none, cut, upcoming[part], sums[part],
            )  # fmt: skip
            done((rows.stop - rows.start) * count / len(decays))

    count = max(min(threads, len(decays)), -(-len(decays) // TOGETHER))
    edges = [len(decays) * n // count for n in range(count + 1)]
    with ThreadPoolExecutor(threads, thread_name_prefix="obi-sweep") as pool:
        try:
            list(pool.map(compute, map(slice, edges[:-1], edges[1:])))
        except BaseException:
            cancel.set()  # an interrupted cell does not wait for the rest
            raise
    _stop_if(cancel)
    return sums[decay_at][:, depth_at]


def _depths(
    history: History, grid: _Grid
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.intp]]:
    """Return what each depth comes to on a history, for the compiled pass.

    Returns
    -------
    ndarray of int64, shape (D,)
        Levels to add up, ascending.
    ndarray of bool, shape (D, T) or (D, 0)
        Which states have no signal; of no width where all depths have one everywhere.
    ndarray of intp
        Of each depth of the grid, which of them it is.
    """
    counts = np.array([min(one or history.levels, history.levels) for one in grid.depth])
    none = [
        without_value(history, grid.parameters.replace(depth=one).levels_used) for one in grid.depth
    ]
    if all(one is None for one in none):
        depths, depth_at = np.unique(counts, return_inverse=True)
        return depths, np.empty((len(depths), 0), bool), depth_at
    order = np.argsort(counts, kind="stable")
    everywhere = np.zeros(len(history), bool)
    rows = [everywhere if one is None else one for one in none]
    return counts[order], np.stack([rows[at] for at in order]), np.argsort(order)
