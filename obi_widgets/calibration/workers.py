"""Where tasks are computed: processes of this computer, a Dask cluster, or any other executor."""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias
from uuid import uuid4
from weakref import WeakValueDictionary

from obi_widgets.checks import integer
from obi_widgets.errors import ArgumentError, ObiError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

MAX_PROCESSES = 512
"""Most processes on this computer."""

DEATHS = 3
"""How many workers may die over a task before it is given up. Dask's own default is the same."""

FEW = 8
"""Tasks that are under way at a time where nobody knows how many workers there are."""

ADVICE = "Give a number of processes, a client of a Dask cluster, or a concurrent.futures.Executor."


class Cluster(Protocol):
    """A client of a Dask cluster, `distributed.Client`."""

    def get_executor(self, **options: Any) -> Executor:  # noqa: ANN401
        """Return an executor that computes on the cluster."""


Where: TypeAlias = Executor | Cluster | int
"""An executor, a client of a Dask cluster, or a number of processes on this computer."""


class Task(NamedTuple):
    """A call that can be made in another process.

    Attributes
    ----------
    name : str
        What an error calls it; may be empty.
    call : callable
        Without arguments; can be pickled.
    before : tuple of callable
        Calls that are made before ``call`` is unpickled, such as those that define signals.
        None is made in this process, where all is defined already.
    """

    name: str
    call: Callable[[], Any]
    before: tuple[Callable[[], object], ...] = ()


_packed: WeakValueDictionary[str, Callable[[], Any]] = WeakValueDictionary()
"""The calls of tasks that this process packed, as long as somebody waits for them."""


class Crew:
    """Workers that take tasks: an executor, and how many tasks it is given at a time."""

    def __init__(self, executor: Executor, width: Callable[[], int]) -> None:
        self.executor = executor
        self.width = width

    def submit(self, payload: bytes) -> Future[Any]:
        """Start a task; see `_run`."""
        try:
            return self.executor.submit(_run, payload)
        except BrokenProcessPool:  # a process has died since the last task
            raise
        except RuntimeError as error:
            raise WorkerError(f"The executor takes no task: {error}.", "Open a new one.") from error

    def renew(self) -> bool:
        """Replace workers of whom one has died; return False if that is not possible."""
        return False

    def close(self) -> None:
        """End what was begun for these tasks alone."""


class Processes(Crew):
    """Processes of this computer, which are replaced when one dies."""

    def __init__(self, count: int) -> None:
        self._count = count
        super().__init__(self._new(), lambda: count)

    def _new(self) -> ProcessPoolExecutor:
        # A forked process would inherit locks that threads of this one hold.
        return ProcessPoolExecutor(self._count, mp_context=get_context("spawn"))

    def renew(self) -> bool:
        """Start new processes."""
        self.close()
        self.executor = self._new()
        return True

    def close(self) -> None:
        """End the processes once they have finished their task."""
        self.executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def crew(where: object) -> Iterator[Crew]:
    """Give the workers that a user's argument means.

    Raises
    ------
    ArgumentError
        If the argument means none.
    SettingsError
        If the number of processes is not possible.
    WorkerError
        If a Dask client is closed.
    """
    if isinstance(where, Executor):
        made = Crew(where, lambda: 2 * int(getattr(where, "_max_workers", FEW)))
    elif _is_count(where):
        made = Processes(integer("executor", where, 1, MAX_PROCESSES, "processes"))
    else:
        made = _of_client(where)
    try:
        yield made
    finally:
        made.close()


def _is_count(where: object) -> bool:
    """Return whether an argument is a number of processes, perhaps of NumPy."""
    return isinstance(where, Integral) and not isinstance(where, bool)


def check(where: object) -> None:
    """Refuse an argument that means no workers; see `crew`. None means this process."""
    if isinstance(where, Executor) or where is None:
        return
    if _is_count(where):
        integer("executor", where, 1, MAX_PROCESSES, "processes")
    else:
        _client(where)


def _client(where: object) -> Any:  # noqa: ANN401
    """Return the argument if it is an open client of a Dask cluster."""
    distributed = sys.modules.get("distributed")  # who has a client has imported it
    if distributed is None or not isinstance(where, distributed.Client):
        advice = ADVICE
        if hasattr(where, "get_client"):
            advice = "Give a client of the cluster: cluster.get_client()."
        raise ArgumentError(f"executor is a {type(where).__name__}.", advice)
    if where.asynchronous:
        raise ArgumentError(
            "executor is an asynchronous Dask client.", "Give one without asynchronous=True."
        )
    if where.status != "running":
        raise WorkerError(f"The Dask client is {where.status}.", "Open a new one.")
    return where


def _of_client(where: object) -> Crew:
    client = _client(where)

    def width() -> int:
        try:
            threads = int(sum(client.nthreads().values()))
        except (AttributeError, OSError, RuntimeError, TimeoutError) as error:  # as it happens
            raise _lost() from error
        if client.status != "running":
            raise _lost()
        # More than there are threads, so that a cluster that adapts itself sees work waiting.
        return max(2 * threads, FEW)

    return Crew(client.get_executor(pure=False), width)


def results(tasks: Sequence[Task], workers: Crew, stop: Callable[[], None]) -> Iterator[Any]:
    """Yield the result of each task, in their order, whichever is finished first.

    No more tasks than needed are under way, or finished and waiting for an earlier one, so that
    memory does not grow with their number. A task whose worker died is given to another.

    Parameters
    ----------
    tasks : sequence of Task
        What to compute.
    workers : Crew
        Who computes.
    stop : callable
        Called several times a second; raises an error to stop.

    Raises
    ------
    WorkerError
        If `DEATHS` workers died over a task, or the connection to a cluster was lost.
    """
    running: dict[Future[Any], int] = {}
    found: dict[int, Any] = {}
    deaths: Counter[int] = Counter()
    upcoming = [*range(len(tasks))][::-1]
    try:
        for number in range(len(tasks)):
            while number not in found:
                width, died = workers.width(), list[int]()
                while (
                    not died
                    and upcoming
                    and len(running) < width
                    and upcoming[-1] < number + 4 * width
                ):
                    at = upcoming.pop()
                    try:
                        running[workers.submit(packed(tasks[at]))] = at
                    except BrokenProcessPool:
                        died.append(at)
                pause = 0 if died else 0.1
                finished, _ = wait(running, timeout=pause, return_when=FIRST_COMPLETED)
                stop()
                for future in finished:
                    at = running.pop(future)
                    try:
                        found[at] = _result(future, tasks[at])
                    except BrokenProcessPool:
                        died.append(at)
                if died:
                    died += running.values()  # none of these is finished by a pool that is broken
                    running.clear()
                    deaths.update(died)
                    if deaths.most_common(1)[0][1] >= DEATHS or not workers.renew():
                        raise _died([tasks[at].name for at in sorted(died)])
                    upcoming += sorted(died, reverse=True)
            yield found.pop(number)
    finally:
        for future in running:
            future.cancel()


def _result(future: Future[Any], task: Task) -> Any:  # noqa: ANN401
    """Return the result of a finished task."""
    try:
        return future.result()
    except CancelledError as error:
        raise _lost() from error
    except (BrokenProcessPool, ObiError):
        raise
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # of distributed, which need not be there
            raise _died([task.name]) from error
        if task.name:
            error.add_note(f"It happened with {task.name}.")
        raise


def _lost() -> WorkerError:
    """Return the error that there are no workers any more."""
    return WorkerError(
        "The connection to the workers was lost, or they were shut down.", "Start them again."
    )


def _died(names: Sequence[str]) -> WorkerError:
    """Return the error that workers died over these tasks, or one of them."""
    named = [name for name in names if name]
    what = f" over {' or '.join(named)}" if named else ""
    return WorkerError(
        f"A worker process died{what}.",
        "It may have run out of memory: use fewer processes, or fewer levels. A number of "
        "processes, and a Dask cluster, retry it. A script that starts processes needs "
        'if __name__ == "__main__": around what it does.',
    )


def packed(task: Task) -> bytes:
    """Return what `_run` takes.

    Raises
    ------
    ArgumentError
        If a part of it cannot be pickled, such as an open file.
    """
    pickler = by_value() or pickle
    try:
        pickled = pickler.dumps(task.before), pickler.dumps(task.call)
    except Exception as error:
        raise ArgumentError(
            f"A task cannot be sent to a worker process: {error}.",
            "Define functions at the top of a module that the workers can import.",
        ) from error
    key = uuid4().hex
    _packed[key] = task.call
    return pickle.dumps((key, *pickled))


def by_value() -> Any:  # noqa: ANN401
    """Return cloudpickle, which takes functions of a notebook too; None if it is not installed.

    It comes with distributed.
    """
    try:
        import cloudpickle
    except ImportError:
        return None
    return cloudpickle


def _run(payload: bytes) -> Any:  # noqa: ANN401
    """Make the call of a task.

    In the process that packed it, as threads are, this is the call itself: a copy would find by
    its name another signal than the task's, if it was defined again.
    """
    key, before, call = pickle.loads(payload)
    own = _packed.get(key)
    if own is not None:
        return own()
    for one in pickle.loads(before):
        one()
    return pickle.loads(call)()
