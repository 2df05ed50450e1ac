"""Computing with several histories one after the other, here or by workers.

Each history is loaded where it is computed with, and dropped before the next one, so that a process
needs the memory of one. What comes back is in the order of the histories, so that sums of it depend
neither on the number of workers nor on which of them is faster.
"""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from obi_widgets.calibration.workers import Task, by_value, crew, results
from obi_widgets.errors import CancelledError, HistoryError, ObiError, RecordingWarning, placed
from obi_widgets.signals.registry import defined_by_user
from obi_widgets.signals.signal import Signal, define

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from types import TracebackType

    from obi_widgets.history.columns import History
    from obi_widgets.history.loaders import Loader
    from obi_widgets.signals.registry import Named

    Tell = Callable[[float], object]

Found = TypeVar("Found")


class How(NamedTuple):
    """How a history is computed with.

    Attributes
    ----------
    threads : int, optional
        Number of threads; None for one on each core.
    cancel : threading.Event
        Stops it when it is set.
    done : callable
        Called with the number of further states that are done.
    """

    threads: int | None
    cancel: threading.Event
    done: Callable[[float], None]


@dataclass(frozen=True)
class Part(Generic[Found]):
    """A history, and what is computed with it.

    Attributes
    ----------
    loader : Loader
        Loads the history.
    compute : callable
        Takes the history and a `How`. Must be one that can be pickled.
    """

    loader: Loader
    compute: Callable[[History, How], Found]


class _Computed(NamedTuple):
    """What was computed with a history; None if the loader had none."""

    found: Any
    market: str
    warnings: tuple[str, ...]


def stop_if(cancel: threading.Event) -> None:
    """Raise CancelledError if a computation was cancelled."""
    if cancel.is_set():
        raise CancelledError("The sweep was cancelled.", "Nothing of it is kept; start it again.")


def each(
    parts: Sequence[Part[Found]],
    executor: object = None,
    *,
    signal: Signal | None = None,
    cancel: threading.Event | None = None,
    progress: Progress | None = None,
    quiet: bool = False,
) -> Iterator[tuple[int, Found]]:
    """Yield what is computed with each history, and its number, in order.

    A history that its loader leaves out is left out here too, with the loader's warning.

    Parameters
    ----------
    parts : sequence of Part
        The histories.
    executor : Executor, Client or int, optional
        Who computes, see `obi_widgets.calibration.workers`; by default this process.
    signal : Signal, optional
        A signal that workers must be able to find by its name.
    cancel : threading.Event, optional
        Stops it when it is set.
    progress : Progress, optional
        Is told what is done.
    quiet : bool
        Whether to leave out the loaders' warnings, which came when the histories were loaded first.

    Raises
    ------
    HistoryError
        If histories that are loaded on demand are of different markets.
    """
    cancel, progress = cancel or threading.Event(), progress or Progress(False, [])
    if executor is None:
        computed = _here(parts, cancel, progress)
    else:
        computed = _elsewhere(parts, executor, signal, cancel, progress)
    first: tuple[str, str] | None = None  # the market, and what the history is called
    with closing(computed):  # ends its workers at once when an error is raised here
        for number, (part, one) in enumerate(zip(parts, computed, strict=True)):
            for sentence in () if quiet else one.warnings:
                warnings.warn(sentence, RecordingWarning, stacklevel=4)
            if one.found is None:
                continue
            if part.loader.name:
                first = first or (one.market, part.loader.name)
                if one.market != first[0]:
                    raise HistoryError(
                        f"{part.loader.name} is of {one.market}, and {first[1]} of {first[0]}.",
                        "Give days of one market.",
                    )
            yield number, one.found


def _here(
    parts: Sequence[Part[Any]], cancel: threading.Event, progress: Progress
) -> Generator[_Computed, None, None]:
    for part in parts:
        stop_if(cancel)
        told = progress.of(part.loader)
        yield _compute(part, How(None, cancel, told.add))
        told.end()


def _elsewhere(
    parts: Sequence[Part[Any]],
    executor: object,
    signal: Signal | None,
    cancel: threading.Event,
    progress: Progress,
) -> Generator[_Computed, None, None]:
    before = () if signal is None else _definitions(signal)
    tasks = [Task(part.loader.name, partial(_in_worker, part), before) for part in parts]
    with crew(executor) as workers:
        found = results(tasks, workers, partial(stop_if, cancel))
        for part, one in zip(parts, found, strict=True):
            progress.of(part.loader).end()
            yield one


def _definitions(signal: Signal) -> tuple[Callable[[], object], ...]:
    """Return the calls that let a worker find a user's signals by their names."""
    calls: list[Callable[[], object]] = []
    for one in defined_by_user(signal):
        module = getattr(one.function, "__module__", "")
        # Without cloudpickle, its module may still define it by a call of a function.
        if _is_in(module, one) or (by_value() is None and module not in ("", "__main__")):
            calls.append(partial(import_module, module))
        elif isinstance(one, Signal) and by_value() is not None:
            calls.append(partial(define, one.declared))
    return tuple(calls)


def _is_in(module: str, signal: Named) -> bool:
    """Return whether another process has this very signal once it has imported a module."""
    if module == "__main__":
        return False
    try:
        return attrgetter(signal.function.__qualname__)(sys.modules[module]) is signal
    except (AttributeError, KeyError):
        return False


def _in_worker(part: Part[Any]) -> _Computed:
    """Compute with one thread: a cluster runs a task on each core already."""
    return _compute(part, How(1, threading.Event(), lambda _: None))


def _compute(part: Part[Any], how: How) -> _Computed:
    """Load a history and compute with it; errors name it."""
    try:
        history, missing = part.loader.load()
        if history is None:
            return _Computed(None, "", missing)
        market = f"{history.instrument.venue}:{history.instrument.symbol}"
        return _Computed(part.compute(history, how), market, missing)
    except CancelledError:
        raise
    except ObiError as error:
        placed(error, part.loader.name)
        raise


class Progress:
    """Progress over histories, shown as a bar or given to a callable.

    It counts states. Of histories that are not loaded yet the number of states is unknown: each of
    them counts as one.
    """

    def __init__(self, how: bool | Tell, loaders: Sequence[Loader]) -> None:
        self._lock = threading.Lock()
        sizes = [one.states for one in loaders]
        self._unit = " days" if None in sizes else " states"
        self._all = max(sum(1 if size is None else size for size in sizes), 1)
        self._done = 0.0
        self._tell = how if callable(how) else None
        self._bar: Any = None
        if how is True:
            from tqdm.auto import tqdm

            scale = self._unit == " states"
            self._bar = tqdm(total=self._all, desc="sweep", unit=self._unit, unit_scale=scale)

    def of(self, loader: Loader) -> _OfOne:
        """Return the progress over one history."""
        return _OfOne(self, 1.0 if loader.states is None else float(loader.states), loader.states)

    def add(self, more: float) -> None:
        """Count what is done."""
        with self._lock:
            self._done += more
            if self._bar is not None:
                self._bar.update(more)
            if self._tell is not None:
                self._tell(min(self._done / self._all, 1.0))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


class _OfOne:
    """Progress over one history."""

    def __init__(self, whole: Progress, weight: float, states: int | None) -> None:
        self._whole, self._left, self._counts = whole, weight, states is not None

    def add(self, states: float) -> None:
        """Count states; nothing where it is not known of how many."""
        if self._counts:
            self._left -= states
            self._whole.add(states)

    def end(self) -> None:
        """Count what was not counted yet."""
        if self._left > 1e-6:
            self._whole.add(self._left)
            self._left = 0.0
