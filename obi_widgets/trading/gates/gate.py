"""What a gate is: a function of a history that says where an entry may begin.

A gate never ends a position and never makes an entry: it forbids some of those that the signal
would make. What it says of a state depends on that state and its look-back, never on a later one.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from obi_widgets.checks import flag, integer, text
from obi_widgets.errors import HistoryError, SettingsError, quoted
from obi_widgets.history.given import as_history
from obi_widgets.parameters import Parameter
from obi_widgets.signals import chunks
from obi_widgets.signals.coverage import without_value
from obi_widgets.signals.declared import Declared
from obi_widgets.signals.declaring import declared_by
from obi_widgets.signals.signal_checks import check_identifier
from obi_widgets.trading.gates import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.signals.declared import Lookback
    from obi_widgets.signals.signal_checks import Needs

    Floats = NDArray[np.float64]

LONG, SHORT = 1, 2
"""Bits of a state's code: whether a long entry may begin there, and a short one."""


class Follower(Protocol):
    """What a gate knows of a history that grows."""

    def lose(self) -> None:
        """Hear that states after the newest one were not seen."""

    def extend(self, history: History, first: int) -> Floats:
        """Return what the gate's function says of states from one on; those before were seen."""


class Gate(Declared):
    """A function of a history that says where an entry may begin. The decorator `gate` makes it.

    Calling it computes it: ``narrow(history, most=2)`` is an array of shape (2, T), its first row
    for long entries and its second one for short ones: 1 where an entry may begin, 0 where it may
    not, NaN where that is not known. An unknown gate is closed.

    Attributes
    ----------
    name : str
        Its name in settings and files.
    needs : frozenset of {"touch", "levels", "flow", "trades", "context"}
        The data it reads, as of a `Signal`.
    parameters : dict of str to Parameter
        By name, in order.
    title : str
        Its name on a screen.
    description : str
        The first sentence of its docstring.
    exact : bool
        Whether its result for a state is the same to the bit however many states there are before
        its look-back. If not, it is computed in blocks that begin at fixed rows, which makes the
        result the same again.
    spans_gaps : bool
        Whether its look-back may reach into a gap; its function then says where it knows enough.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> from obi_widgets.trading.gates.spread import spread
    >>> spread
    <Gate spread: quantile, window, most_bps>
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> spread(history, window=10).shape == (2, len(history))
    True
    """

    kind = "gate"
    follower: Callable[..., Follower] | None = None
    """Makes what keeps, of a history that grows, what its function would compute again."""

    def __init__(
        self,
        function: Callable[..., ArrayLike],
        *,
        name: str,
        parameters: Mapping[str, Parameter],
        needs: Needs | Iterable[Needs] = "touch",
        lookback: Lookback = 0.0,
        exact: bool = False,
        spans_gaps: bool = False,
    ) -> None:
        super().__init__(
            function, name=name, parameters=parameters, needs=needs, lookback=lookback,
            spans_gaps=spans_gaps,
        )  # fmt: skip
        functools.update_wrapper(self, function, updated=())
        self.exact = flag("exact", exact)
        self.title = name.replace("_", " ").capitalize()

    def __repr__(self) -> str:
        parameters = f": {', '.join(self.parameters)}" if self.parameters else ""
        return f"<Gate {self.name}{parameters}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return registry.find, (self.name,)  # another process must have registered it before

    def __call__(self, history: History, **values: object) -> Floats:
        """Return where an entry may begin, shape (2, T); see the class."""
        return self.compute(history, self.check(values))

    def first_needed(self, history: History, values: Mapping[str, Any], row: int) -> int:
        """Return the first row that what it says of a row and of all later rows depends on."""
        history = as_history(history)
        row = integer("row", row, 0, len(history))
        seconds = self.lookback(values)
        if not self.exact or not seconds or row >= len(history):
            return chunks.first_needed(history, seconds, self._reach(values), row)
        return max(self._reach(values)(history, row), 0)

    def compute(self, history: History, values: Mapping[str, Any], first: int = 0) -> Floats:
        """Return where an entry may begin, of every state or of those from ``first`` on.

        Parameters
        ----------
        history : History
            T states.
        values : mapping
            A value of each parameter; see `check`.
        first : int
            First state to return. The result is the same as when all are computed.

        Returns
        -------
        ndarray of float64, shape (2, T - first)
            Long entries first: 1 open, 0 closed. NaN where the book was not in sync, where the
            look-back reaches before the first state or into a gap, and where levels are needed that
            are not kept or, in a strict history, not known.

        Raises
        ------
        HistoryError, SettingsError
            A function that returns another shape, or other values.
        """
        history = as_history(history)
        first = integer("first", first, 0, len(history))
        seconds = self.lookback(values)
        if seconds and not self.exact:
            code = chunks.compute(
                lambda part: self._code(part, values), history, seconds, self._reach(values), first,
                self.spans_gaps,
            )  # fmt: skip
        else:
            begin = self.first_needed(history, values, first)
            part = history[begin:]
            code = self._code(part, values)
            if not self.spans_gaps:
                code[part.time - part.run_began < round(seconds * 1e9)] = np.nan
            code = code[first - begin :]
        return self._told(history, values, first, code)

    def _followed(
        self, history: History, values: Mapping[str, Any], first: int, found: Floats
    ) -> Floats:
        """Return `compute` of states from one on, given what a `Follower` says of them."""
        return self._told(history, values, first, self._checked(history[first:], found))

    def _told(
        self, history: History, values: Mapping[str, Any], first: int, code: Floats
    ) -> Floats:
        """Return where an entry may begin, shape (2, T - first), of codes of states."""
        missing = without_value(history[first:], self.levels_used(values))
        if missing is not None:
            code[missing] = np.nan
        known = ~np.isnan(code)
        bits = np.where(known, code, 0.0).astype(np.int64)
        return np.stack([np.where(known, (bits & one) > 0, np.nan) for one in (LONG, SHORT)])

    def _code(self, history: History, values: Mapping[str, Any]) -> Floats:
        """Call the function; return `LONG` + `SHORT` of each state, shape (T,), or NaN."""
        return self._checked(history, self.function(history, **values))

    def _checked(self, history: History, found: ArrayLike) -> Floats:
        """Return what the function says of each state as `_code` does."""
        try:
            array = np.array(found, np.float64)
        except (TypeError, ValueError):
            raise SettingsError(
                f"The gate {self.name} returned a {type(found).__name__}.",
                "Return an array with True or False for each state.",
            ) from None
        if array.shape not in (history.time.shape, (2, *history.time.shape)):
            raise HistoryError(
                f"The gate {self.name} returned the shape {array.shape}, and the history has "
                f"{history.time.shape}.",
                "Return True or False for each state, or two rows of them: for long entries and "
                "for short ones.",
            )
        odd = array[~(np.isnan(array) | (array == 0) | (array == 1))]
        if len(odd):
            raise SettingsError(
                f"The gate {self.name} returned {odd[0]:g}.",
                "Return True or False for each state, or NaN where that is not known.",
            )
        array[..., history.lost] = np.nan
        both = np.broadcast_to(array, (2, len(history)))
        return np.asarray(LONG * both[0] + SHORT * both[1])


@overload
def gate(function: Callable[..., ArrayLike]) -> Gate: ...
@overload
def gate(
    *,
    needs: Needs | Iterable[Needs] = "touch",
    lookback: Lookback = 0.0,
    name: str = "",
    exact: bool = False,
    spans_gaps: bool = False,
) -> Callable[[Callable[..., ArrayLike]], Gate]: ...
def gate(
    function: Callable[..., ArrayLike] | None = None,
    *,
    needs: Needs | Iterable[Needs] = "touch",
    lookback: Lookback = 0.0,
    name: str = "",
    exact: bool = False,
    spans_gaps: bool = False,
) -> Gate | Callable[[Callable[..., ArrayLike]], Gate]:
    """Make a gate from a function.

    Parameters
    ----------
    function : callable
        Takes a `History` of T states and keyword-only parameters; returns T values, True where an
        entry may begin, False where it may not, NaN where that is not known; or two rows of them,
        for long entries and for short ones. The value of a state may depend on that state and on
        its look-back, never on a later state. Each parameter has a kind as its annotation, and a
        default.
    needs : {"touch", "levels", "flow", "trades", "context"}, or several of them
        The data it reads.
    lookback : str, float or callable
        Look-back in seconds: a number, the name of a parameter, or a function of all values.
        0 if it uses one state only. The gate is unknown, and so closed, until it is full.
    name : str
        Its name in settings and files. If omitted, the function's name.
    exact : bool
        True if the function only compares, counts, and adds whole numbers. Its result for a state
        is then the same however many states there are before its look-back. Leave it False for sums
        of floats.
    spans_gaps : bool
        Whether the look-back may reach before the first state and into gaps. Then the function
        itself returns NaN where it knows too little; else the gate is unknown there.

    Returns
    -------
    Gate

    Raises
    ------
    SettingsError
        A parameter without a kind or default, an invalid name, or another invalid argument.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> @obi.gate
    ... def narrow(history, *, most: obi.Bps(0, 50) = 2):
    ...     return 1e4 * history.spread <= most * history.mid
    >>> settings = obi.Settings(gates={"narrow": {"most": 1.5}})
    >>> settings.gates
    Gates({'narrow': {'most': 1.5}})
    """
    if function is None:
        return functools.partial(
            gate, needs=needs, lookback=lookback, name=name, exact=exact, spans_gaps=spans_gaps
        )
    if not callable(function):
        raise SettingsError(
            f"{quoted(function)} is not a function.", "Give a function of a history."
        )
    known_as = text("name", name, "Give a word.") or getattr(function, "__name__", "")
    check_identifier(known_as, "gate")
    made = Gate(
        function, name=known_as, parameters=declared_by(function), needs=needs, lookback=lookback,
        exact=exact, spans_gaps=spans_gaps,
    )  # fmt: skip
    registry.register(made)
    return made
