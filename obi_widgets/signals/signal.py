"""What a signal is: a pure function of a history and its own parameters.

A signal declares its name, unit, range, parameters, the data it needs and its look-back. Code that
shows, judges or exports a signal reads this declaration, and computes it by `Signal.compute`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from obi_widgets.checks import flag, instance, integer, text
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.given import as_history
from obi_widgets.parameters import Band, Levels, Parameter
from obi_widgets.signals import chunks, registry
from obi_widgets.signals.coverage import LevelsUsed, levels_declared, without_value
from obi_widgets.signals.declared import Declared
from obi_widgets.signals.declaring import declared_by
from obi_widgets.signals.insight import Insight
from obi_widgets.signals.signal_checks import (
    as_range,
    as_threshold,
    check_name,
    check_settings,
    check_values,
    returned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.rows import Newest
    from obi_widgets.signals.declared import Lookback
    from obi_widgets.signals.signal_checks import Needs

    Floats = NDArray[np.float64]
    NewestBy = Callable[[Mapping[str, Any]], Callable[[Newest], float]]


class HasValues(Protocol):
    """What a signal needs of settings."""

    @property
    def signal(self) -> Signal:
        """The chosen signal."""

    def values_of(self, signal: Signal) -> Mapping[str, Any]:
        """Return the values of a signal's parameters."""


class Signal(Declared):
    """A function of a history with its declaration. The decorator `signal` makes it.

    Calling it computes it: ``queue_imbalance(history)``, ``depth_z(history, window=60)``, or
    ``imbalance(history, settings)`` with the values that the settings have for its parameters.

    Attributes
    ----------
    name : str
        Its name in settings and files.
    unit : str
        Unit of its values; empty for none.
    range : tuple of float, optional
        Smallest and largest possible value; None for no bounds.
    needs : frozenset of {"touch", "levels", "flow", "trades", "context"}
        The data it reads: best prices and sizes, further levels, order flow, trades, or the
        venue's mark price, funding rate, open interest and liquidations.
    parameters : dict of str to Parameter
        By name, in order.
    threshold : float
        Default threshold, in its unit.
    title : str
        Its name on a screen.
    description : str
        The first sentence of its docstring.
    checked : bool
        Whether the result of its function is checked, see `signal`.
    directional : bool
        Whether + means a rise. If False it is a gauge: no entries are made of it.
    spans_gaps : bool
        Whether its look-back may reach into a gap; its function then says where it knows enough.
    insight : Insight
        Tells which levels it uses and what its parameters do now.
    """

    kind = "signal"
    function: Callable[..., Floats]

    def __init__(
        self,
        function: Callable[..., Floats],
        *,
        name: str,
        parameters: Mapping[str, Parameter],
        unit: str = "",
        range: tuple[float, float] | None = None,  # noqa: A002
        needs: Needs | Iterable[Needs] = "levels",
        lookback: Lookback = 0.0,
        threshold: float | None = None,
        checked: bool = True,
        directional: bool = True,
        spans_gaps: bool = False,
        insight: type[Insight] = Insight,
    ) -> None:
        super().__init__(
            function, name=name, parameters=parameters, needs=needs, lookback=lookback,
            spans_gaps=spans_gaps,
        )  # fmt: skip
        self.unit = unit
        self.range = as_range(range)
        self.checked = checked
        self.directional = directional
        self.insight = insight(self)
        self._newest_by: NewestBy | None = None
        self.threshold = as_threshold(threshold, self.range)
        functools.update_wrapper(self, function, updated=())
        self.title = title_of(name)

    def __repr__(self) -> str:
        said = [f"{self.range[0]:g} to {self.range[1]:g}"] if self.range else []
        said += [self.unit] if self.unit else []
        parameters = f": {', '.join(self.parameters)}" if self.parameters else ""
        return f"<Signal {self.name}{parameters}{'; ' if said else ''}{' '.join(said)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return registry.find, (self.name,)  # another process must have registered it before

    @property
    def declared(self) -> dict[str, Any]:
        """What `define` makes the same signal of, in a process that has not registered it."""
        return {
            "function": self.function, "name": self.name, "parameters": self.parameters,
            "unit": self.unit, "range": self.range, "needs": self.needs,
            "lookback": self._lookback, "threshold": self.threshold, "checked": self.checked,
            "directional": self.directional, "spans_gaps": self.spans_gaps,
            "insight": type(self.insight),
        }  # fmt: skip

    def __call__(
        self, history: History, settings: HasValues | None = None, **values: object
    ) -> Floats:
        """Return the signal of every state, shape (T,); see `compute`."""
        if settings is not None:
            check_settings(settings)
            values = {**settings.values_of(self), **values}
        return self.compute(as_history(history), self.check(values))

    def levels_chosen(self, values: Mapping[str, Any]) -> LevelsUsed:
        """Return the levels that its parameters choose, whether it reads sizes or flow there."""
        check_values(values)
        if "levels" not in self.needs and not any(
            isinstance(one.kind, Levels | Band) for one in self.parameters.values()
        ):
            return LevelsUsed(1)
        return levels_declared(self.parameters, values)

    def computes_as(self, other: Signal) -> bool:
        """Return whether another signal computes the same from the same parameters."""
        instance("other", other, Signal, "Give a signal, as obi.imbalance.")
        return self is other

    def first_needed(self, history: History, values: Mapping[str, Any], row: int) -> int:
        """Return the first row that the signal of a row and of all later rows depends on.

        ``compute(history[first:])`` equals ``compute(history)`` to the bit for these rows.
        """
        row = integer("row", row, 0, len(as_history(history)))
        return chunks.first_needed(history, self.lookback(values), self._reach(values), row)

    # -- computing -------------------------------------------------------------------------

    def compute(self, history: History, values: Mapping[str, Any], first: int = 0) -> Floats:
        """Return the signal of every state, or of the states from ``first`` on.

        Parameters
        ----------
        history : History
            T states.
        values : mapping
            A value of each parameter; see `check`.
        first : int
            First state to return. The values are the same as when all are computed, so an
            appended history needs only its new states.

        Returns
        -------
        ndarray of float64, shape (T - first,)
            NaN where the book was not in sync, where the look-back reaches before the first state
            or into a gap, and where it needs levels that are not kept or, in a strict history,
            not known.

        Raises
        ------
        HistoryError, SettingsError
            A function that returns another shape, no numbers, or infinite ones.
        """
        history = as_history(history)
        first = integer("first", first, 0, len(history))
        wanted = history[first:] if first else history
        seconds = self.lookback(values)
        if seconds:
            call = functools.partial(self._call, values=values)
            reach = self._reach(values)
            out = chunks.compute(call, history, seconds, reach, first, self.spans_gaps)
        else:
            out = self._call(wanted, values)
        missing = without_value(wanted, self.levels_used(values))
        if missing is not None:
            out[missing] = np.nan
        return out

    def _call(self, history: History, values: Mapping[str, Any]) -> Floats:
        """Call the function and check its result; NaN where the book was not in sync."""
        found = self.function(history, **values)
        if not self.checked:
            return found
        return returned(self.name, found, history)

    def settled(self, history: History, values: Mapping[str, Any]) -> int:
        """Return the first state whose value does not depend on where the history begins.

        Earlier values have a look-back or a chunk that the first state cuts.
        """
        return chunks.settled(as_history(history), self.lookback(values), self._reach(values))

    def computes_newest(self, make: NewestBy) -> NewestBy:
        """Register a faster way to compute the newest state's value.

        Parameters
        ----------
        make : callable
            Takes the values of the parameters and returns a function of a state.
        """
        if not callable(make):
            raise SettingsError(f"{quoted(make)} is not a function.", "Give a function of values.")
        self._newest_by = make
        return make

    def newest_by(self, values: Mapping[str, Any]) -> Callable[[Newest], float] | None:
        """Return a function that computes the newest state faster than `compute` does.

        What depends on the values alone is computed once, here.

        Parameters
        ----------
        values : mapping
            A value of each parameter.

        Returns
        -------
        callable, optional
            Takes ``history.newest`` and returns a float. None if the signal has no such function,
            see `computes_newest`.
        """
        check_values(values)
        return None if self._newest_by is None else self._newest_by(values)


def define(declared: Mapping[str, Any]) -> Signal:
    """Make and register the signal of which another process gave `Signal.declared`."""
    made = Signal(**declared)
    registry.register(made)
    return made


ABBREVIATIONS = ("vpin", "vwap")
"""Words of signals' names that are written in capitals."""


def title_of(name: str) -> str:
    """Return a signal's name as the screen shows it."""
    words = name.replace("_", " ").capitalize().split(" ")
    return " ".join(word.upper() if word.lower() in ABBREVIATIONS else word for word in words)


@overload
def signal(function: Callable[..., Floats]) -> Signal: ...
@overload
def signal(
    *,
    unit: str = "",
    range: tuple[float, float] | None = None,
    needs: Needs | Iterable[Needs] = "levels",
    lookback: Lookback = 0.0,
    threshold: float | None = None,
    name: str = "",
    checked: bool = True,
    directional: bool = True,
    spans_gaps: bool = False,
    insight: type[Insight] = Insight,
) -> Callable[[Callable[..., Floats]], Signal]: ...
def signal(
    function: Callable[..., Floats] | None = None,
    *,
    unit: str = "",
    range: tuple[float, float] | None = None,  # noqa: A002
    needs: Needs | Iterable[Needs] = "levels",
    lookback: Lookback = 0.0,
    threshold: float | None = None,
    name: str = "",
    checked: bool = True,
    directional: bool = True,
    spans_gaps: bool = False,
    insight: type[Insight] = Insight,
) -> Signal | Callable[[Callable[..., Floats]], Signal]:
    """Make a signal from a function.

    Parameters
    ----------
    function : callable
        Takes a `History` of T states and keyword-only parameters; returns T numbers, + for a rise.
        A state's value may depend on that state and on its look-back, never on a later state.
        Each parameter has a kind as its annotation, and a default.
    unit : str
        Unit of the values, such as ``"sd"`` or ``"bps"``; empty for none.
    range : tuple of float, optional
        Smallest and largest possible value; None for no bounds.
    needs : {"levels", "touch", "flow", "trades", "context"}, or several of them
        The data it reads. A signal that needs only the touch is computed faster.
    lookback : str, float or callable
        Look-back in seconds: a number, the name of a parameter, or a function of all values.
        0 if it uses one state only.
    threshold : float, optional
        Default threshold. If omitted, 0.4 times the largest possible value, or 2 without a range.
    name : str
        Its name in settings and files. If omitted, the function's name.
    checked : bool
        Whether the result's shape and values are checked, and set to NaN where the book was not in
        sync. False for a function that does so itself.
    directional : bool
        Whether + means a rise. False for a gauge, such as a volatility: it can be shown and
        computed, and entries refuse it.
    spans_gaps : bool
        Whether the look-back may reach before the first state and into gaps. Then the function
        itself returns NaN where it knows too little; else values are NaN there.
    insight : type of Insight
        Tells which levels it uses and what its parameters do now. If omitted, derived from the
        declaration.

    Returns
    -------
    Signal

    Raises
    ------
    SettingsError
        A parameter without a kind or default, an invalid name, or another invalid argument.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> @obi.signal(unit="bps", needs="touch")
    ... def half_spread(history):
    ...     return 5e3 * history.spread / history.mid
    >>> half_spread
    <Signal half_spread; bps>
    """
    if function is None:
        return functools.partial(
            signal,
            unit=unit,
            range=range,
            needs=needs,
            lookback=lookback,
            threshold=threshold,
            name=name,
            checked=checked,
            directional=directional,
            spans_gaps=spans_gaps,
            insight=insight,
        )
    if not callable(function):
        raise SettingsError(
            f"A {type(function).__name__} is not a function.",
            "Write @obi.signal above a function of a history.",
        )
    text("unit", unit, "Give the unit as text, such as 'bps'.")
    text("name", name, "Give an identifier.")
    flag("checked", checked)
    flag("directional", directional)
    if not (isinstance(insight, type) and issubclass(insight, Insight)):
        raise SettingsError(
            f"{quoted(insight)} is not a subclass of Insight.", "Leave insight out."
        )
    name = name or getattr(function, "__name__", "")
    check_name(name)
    made = Signal(
        function, name=name, parameters=declared_by(function), unit=unit, range=range,
        needs=needs, lookback=lookback, threshold=threshold, checked=checked,
        directional=directional, spans_gaps=spans_gaps, insight=insight,
    )  # fmt: skip
    registry.register(made)
    return made
